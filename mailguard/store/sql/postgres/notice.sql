-- What people are told.

-- name: due_notices
-- What waits for one person.
SELECT n.*, m.queue_id FROM notice n LEFT JOIN mail m ON m.id = n.mail
 WHERE n.state IN ('queued', 'sending') AND n.due_at <= :latest AND (n.state = 'queued' AND n.due_at <= :now OR n.state = 'sending' AND n.due_at <= :lease)
   AND n.person_key = :person ORDER BY n.due_at, n.id
   FOR NO KEY UPDATE OF n SKIP LOCKED;

-- name: notices_back
-- What nodes that are not at work any more had on the wire is due again: nobody waits for its lease.
UPDATE notice SET state = 'queued', due_at = ?
 WHERE state = 'sending' AND worker NOT IN (SELECT n.id FROM node n);

-- name: claim_notice
-- On its way, from this node; `due_at` is when its lease ends.
UPDATE notice
   SET state = 'sending', attempts = attempts + 1, fence = ?, claimed_at = ?, due_at = ?,
       worker = current_setting('application_name')
 WHERE id = ?;
