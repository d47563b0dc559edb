-- Programs' keys.

-- name: add_token
-- One more; nothing happens when there is one of that name.
INSERT INTO token (name, digest, role, person, made_by, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: revoke_token
-- It opens nothing any more.
DELETE FROM token WHERE name = ?;

-- name: tokens
-- All of them.
SELECT name, role, person, made_by, made_at, expires_at FROM token ORDER BY name;

-- name: token
-- Whose it is, while it lasts.
SELECT name, role, person, made_by, made_at, expires_at FROM token WHERE digest = ? AND expires_at > ?;
