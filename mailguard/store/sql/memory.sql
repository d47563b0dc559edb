-- What the service must still know after a restart, by name.

-- name: remember
-- Know this from now on, instead of what was known under the name.
INSERT INTO memory (name, value, at) VALUES (:name, :value, :now)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at;

-- name: forget
-- Know nothing under this name any more.
DELETE FROM memory WHERE name = ? RETURNING name;
