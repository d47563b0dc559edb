-- Links, codes and web sessions: only digests are kept.

-- name: grant
-- A link's power.
INSERT INTO capability (digest, mail, person, power, scope, granted_at)
SELECT CAST(? AS bytea), id, CAST(? AS text), CAST(? AS text), CAST(? AS text), CAST(? AS bigint) FROM mail WHERE queue_id = ?;

-- name: code
-- The number somebody was mailed.
SELECT * FROM code WHERE subject = ? FOR UPDATE;
