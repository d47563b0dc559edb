-- Passwords of mail clients, one for each device. Only digests are kept.

-- name: add_app_password
-- One more; nothing happens when this person has one of that name.
INSERT INTO app_password (digest, person, name, made_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: drop_app_password
-- It logs nobody in any more.
DELETE FROM app_password WHERE person = ? AND name = ?;

-- name: drop_app_passwords
-- None of this person's does.
DELETE FROM app_password WHERE person = ?;

-- name: app_passwords
-- All of them.
SELECT person, name, made_at, used_on FROM app_password ORDER BY person, made_at, name;

-- name: app_passwords_of
-- One person's.
SELECT person, name, made_at, used_on FROM app_password WHERE person = ? ORDER BY made_at, name;

-- name: app_password
-- Whose it is.
SELECT person, name, made_at, used_on FROM app_password WHERE digest = ?;

-- name: use_app_password
-- It logged somebody in that day.
UPDATE app_password SET used_on = :day WHERE digest = :digest AND used_on < :day;
