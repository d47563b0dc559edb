-- Sent folders that are to be put right.

-- name: want_sent_copy
-- This mail's, once it has ended.
INSERT INTO sent_copy (mail, due_at) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: due_sent_copy
-- The one that waits longest of mails of which nothing is on its way any more.
SELECT s.mail, s.attempts FROM sent_copy s JOIN mail m ON m.id = s.mail
 WHERE m.unfinished = 0 AND s.due_at <= ? ORDER BY s.due_at, s.mail LIMIT 1;

-- name: claim_sent_copy
-- On its way; `due_at` is when its lease ends. Nothing happens when another process was faster.
UPDATE sent_copy SET due_at = ?, attempts = attempts + 1 WHERE mail = ? AND attempts = ?;

-- name: end_sent_copy
-- Put right, or given up.
DELETE FROM sent_copy WHERE mail = ? AND attempts = ?;

-- name: forget_sent_copies
-- Those of mails that ended so long ago that it was given up; or nobody does it, and nobody wants it done weeks later.
DELETE FROM sent_copy WHERE mail IN (
  SELECT s.mail FROM sent_copy s JOIN mail m ON m.id = s.mail WHERE m.unfinished = 0 AND m.ended_at <= ?
);

-- name: put_off_sent_copy
-- Again later.
UPDATE sent_copy SET due_at = ? WHERE mail = ? AND attempts = ?;
