-- Links and codes: only digests are kept.

-- name: grant
-- A link's power.
INSERT INTO capability (digest, mail, person, power, scope, granted_at)
SELECT ?, id, ?, ?, ?, ? FROM mail WHERE queue_id = ?;

-- name: code
-- The number somebody was mailed.
SELECT * FROM code WHERE subject = ?;
