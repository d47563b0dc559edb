-- Which store this is, and how far it has come.

-- name: epoch
-- Its id, and why nothing may leave from it.
SELECT id, paused FROM epoch;

-- name: begin_epoch
-- What waits here is ours to send, under this id.
UPDATE epoch SET id = ?, paused = '';

-- name: pause
-- Nothing may leave, for this reason.
UPDATE epoch SET paused = ?;

-- name: mark
-- How far this store has come: the events and fences given out so far. Neither number is ever given out again.
SELECT (SELECT last FROM fence) + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0);

-- name: last_event
-- When the last thing happened.
SELECT at FROM event ORDER BY id DESC LIMIT 1;
