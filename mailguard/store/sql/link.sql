-- Links and codes: only digests are kept.

-- name: capability
-- What a link may do, while its mail's bytes are there.
SELECT c.*, m.queue_id FROM capability c JOIN mail m ON m.id = c.mail WHERE c.digest = ?;

-- name: set_code
-- A new number, instead of an earlier one.
INSERT INTO code (subject, digest, expires_at, asked, asked_since) VALUES (:subject, :digest, :expires, 1, :now)
ON CONFLICT (subject) DO UPDATE
   SET digest = excluded.digest, expires_at = excluded.expires_at, wrong = 0,
       asked = CASE WHEN code.asked_since <= :window THEN 1 ELSE code.asked + 1 END,
       asked_since = CASE WHEN code.asked_since <= :window THEN :now ELSE code.asked_since END;

-- name: spend_code
-- Used, or guessed at too often: an empty digest.
UPDATE code SET digest = ? WHERE subject = ?;

-- name: wrong_code
-- One wrong try.
UPDATE code SET wrong = wrong + 1 WHERE subject = ? RETURNING wrong;
