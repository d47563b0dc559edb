-- What other systems are told.

-- name: forget_hooks
-- Those of the configuration before.
DELETE FROM hook;

-- name: add_hook
-- One URL hears of one kind of event.
INSERT INTO hook (url, kind) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: forget_calls
-- Nobody is to hear of these any more.
DELETE FROM call WHERE url NOT IN (SELECT url FROM hook);

-- name: called
-- Who is told anything.
SELECT DISTINCT url FROM hook;

-- name: forget_oldest_calls
-- More than these waits for nobody.
DELETE FROM call WHERE url = :url AND id <= (SELECT id FROM call WHERE url = :url ORDER BY id DESC LIMIT 1 OFFSET :most);

-- name: end_call
-- Heard, or given up.
DELETE FROM call WHERE id = ? AND fence = ?;

-- name: put_off_call
-- Again later.
UPDATE call SET due_at = ?, fence = 0 WHERE id = ? AND fence = ?;
