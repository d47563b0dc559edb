-- Links, codes and web sessions: only digests are kept.

-- name: grant
-- A link's power.
INSERT INTO capability (digest, mail, person, power, scope, granted_at)
SELECT ?, id, ?, ?, ?, ? FROM mail WHERE queue_id = ?;

-- name: capability
-- What a link may do, while its mail's bytes are there.
SELECT c.*, m.queue_id FROM capability c JOIN mail m ON m.id = c.mail WHERE c.digest = ?;

-- name: code
-- The number somebody was mailed.
SELECT * FROM code WHERE subject = ?;

-- name: set_code
-- A new number, instead of an earlier one.
INSERT INTO code (subject, digest, expires_at, asked, asked_since) VALUES (:subject, :digest, :expires, 1, :now)
ON CONFLICT DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at, wrong = 0,
                          asked = iif(asked_since <= :window, 1, asked + 1),
                          asked_since = iif(asked_since <= :window, :now, asked_since);

-- name: spend_code
-- Used, or guessed at too often.
UPDATE code SET digest = x'' WHERE subject = ?;

-- name: wrong_code
-- One wrong try.
UPDATE code SET wrong = wrong + 1 WHERE subject = ? RETURNING wrong;

-- name: open_login
-- A web session.
INSERT OR REPLACE INTO login (digest, person, expires_at) VALUES (?, ?, ?);

-- name: login
-- Whose web session it is.
SELECT person FROM login WHERE digest = ? AND expires_at > ?;

-- name: close_login
-- Signed out.
DELETE FROM login WHERE digest = ?;
