-- Facts of past mail.

-- name: keep
-- What other rules can be tried on.
INSERT INTO kept (mail, at, facts) VALUES (?, ?, ?) ON CONFLICT (mail) DO UPDATE SET facts = excluded.facts;

-- name: forget_kept
-- What came long ago.
DELETE FROM kept WHERE at <= ? AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = kept.mail);
