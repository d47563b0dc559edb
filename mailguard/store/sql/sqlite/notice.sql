-- What people are told.

-- name: due_notices
-- What waits for one person.
SELECT n.*, m.queue_id FROM notice n INDEXED BY notice_due LEFT JOIN mail m ON m.id = n.mail
 WHERE n.state IN ('queued', 'sending') AND n.due_at <= :latest AND (n.state = 'queued' AND n.due_at <= :now OR n.state = 'sending' AND n.due_at <= :lease)
   AND n.person_key = :person ORDER BY n.due_at, n.id;

-- name: notices_back
-- What an earlier process had on the wire is due again: nobody waits for its lease.
UPDATE notice SET state = 'queued', due_at = ? WHERE state = 'sending';

-- name: claim_notice
-- On its way; `due_at` is when its lease ends.
UPDATE notice SET state = 'sending', attempts = attempts + 1, fence = ?, claimed_at = ?, due_at = ? WHERE id = ?;
