-- What the service must still know after a restart, by name.

-- name: recall
-- What is known under every name that begins like this (a pattern with `*`).
SELECT name, value FROM memory
 WHERE name LIKE replace(replace(replace(replace(?, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%') ORDER BY name;

-- name: memory_digest
-- Another one when anything that is known has changed.
SELECT coalesce(md5(string_agg(name || ' ' || value, chr(10) ORDER BY name)), '') FROM memory;

-- name: forget_said_by
-- What a person said of themselves: their preferences, their absence ("preference:ADDRESS").
DELETE FROM memory WHERE substr(name, strpos(name, ':') + 1) = ? AND strpos(name, ':') > 0;
