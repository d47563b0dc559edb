-- Web sessions, and second factors. Of a cookie and a recovery code only digests are kept.

-- name: open_login
-- A web session.
INSERT INTO login (digest, person, expires_at, way, second, claims, name) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (digest) DO UPDATE
   SET person = excluded.person, expires_at = excluded.expires_at, way = excluded.way, second = excluded.second,
       claims = excluded.claims, name = excluded.name;

-- name: login
-- Whose web session it is, and how it was opened.
SELECT person, expires_at, way, second, claims, name FROM login WHERE digest = ? AND expires_at > ?;

-- name: close_login
-- Signed out.
DELETE FROM login WHERE digest = ?;

-- name: close_logins
-- What was opened with this login's password.
DELETE FROM login WHERE name = ? AND name != '';

-- name: password_logins
-- Whose passwords opened web sessions.
SELECT DISTINCT name FROM login WHERE name != '' ORDER BY name;

-- name: set_factor
-- A second factor, instead of an earlier one.
INSERT INTO factor (name, secret, recovery) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET secret = excluded.secret, recovery = excluded.recovery, step = 0, wrong = 0;

-- name: first_factor
-- A second factor where there was none, its first code used; nothing happens when there is one.
INSERT INTO factor (name, secret, recovery, step) VALUES (:name, :secret, :recovery, :step) ON CONFLICT DO NOTHING;

-- name: next_factor
-- The same instead of this earlier one, and of no other.
UPDATE factor SET secret = :secret, recovery = :recovery, step = :step, wrong = 0 WHERE name = :name AND secret = :before;

-- name: drop_factor
-- No second factor any more.
DELETE FROM factor WHERE name = ?;

-- name: factor
-- What codes are checked with.
SELECT * FROM factor WHERE name = ?;

-- name: factors
-- Who has one.
SELECT name FROM factor ORDER BY name;

-- name: use_step
-- The code of this step, once, and of no step before it.
UPDATE factor SET step = :step, wrong = 0 WHERE name = :name AND step < :step AND wrong < :most;

-- name: wrong_factor
-- One wrong code more.
UPDATE factor SET wrong = wrong + 1 WHERE name = ? RETURNING wrong;

-- name: set_recovery
-- What is left of the recovery codes.
UPDATE factor SET recovery = ?, wrong = 0 WHERE name = ?;

-- name: lock_factor
-- Nobody else uses a code of it before this transaction ends.
UPDATE factor SET step = step WHERE name = ?;
