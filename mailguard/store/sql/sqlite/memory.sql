-- What the service must still know after a restart, by name.

-- name: recall
-- What is known under every name that begins like this (a GLOB pattern).
SELECT name, value FROM memory WHERE name GLOB ? ORDER BY name;

-- name: forget_said_by
-- What a person said of themselves: their preferences, their absence ("preference:ADDRESS").
DELETE FROM memory WHERE substr(name, instr(name, ':') + 1) = ? AND instr(name, ':') > 0;
