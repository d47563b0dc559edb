-- What other systems are told.

-- name: calls_back
-- What an earlier process had on its way is due again: nobody waits for its lease.
UPDATE call SET due_at = created_at, fence = 0 WHERE fence <> 0;

-- name: next_call
-- The oldest that one of them has not heard: until it is heard or given up, the others wait.
SELECT c.id, c.url, c.created_at, c.due_at, c.attempts, c.fence, e.at, e.kind, e.actor, e.data, e.mail,
       coalesce(m.queue_id, '') AS queue_id
  FROM call c JOIN event e ON e.id = c.event LEFT JOIN mail m ON m.id = e.mail
 WHERE c.url = ? ORDER BY c.id LIMIT 1;

-- name: claim_call
-- On its way; `due_at` is when its lease ends.
UPDATE call SET attempts = attempts + 1, fence = ?, due_at = ? WHERE id = ?;
