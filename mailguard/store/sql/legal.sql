-- Of whom nothing is forgotten.

-- name: legal_holds
-- All of them.
SELECT person, source, reason, made_by, made_at FROM legal_hold ORDER BY person, source;

-- name: legal_hold_on
-- Those that cover this person.
SELECT person, source, reason, made_by, made_at FROM legal_hold WHERE person IN ('*', ?) ORDER BY made_at;

-- name: add_legal_hold
-- From now on nothing of them is forgotten.
INSERT INTO legal_hold (person, source, reason, made_by, made_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: lift_legal_hold
-- What is past its time may go again.
DELETE FROM legal_hold WHERE person = ? AND source = ?;

-- name: held_back
-- Mails whose bytes are there for a legal hold alone.
SELECT count(*) FROM mail m
 WHERE m.purged_at IS NULL AND m.ended_at IS NOT NULL AND m.ended_at <= ?
   AND EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id);
