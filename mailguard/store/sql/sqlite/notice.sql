-- What people are told.

-- name: due_people
-- Who has something waiting, the oldest first. A lease that ran out makes it due again.
SELECT person_key, min(due_at) AS first FROM notice
 WHERE state IN ('queued', 'sending') AND due_at <= ? GROUP BY person_key ORDER BY first LIMIT ?;

-- name: due_notices
-- What waits for one person.
SELECT n.*, m.queue_id FROM notice n INDEXED BY notice_due LEFT JOIN mail m ON m.id = n.mail
 WHERE n.state IN ('queued', 'sending') AND n.due_at <= :now AND n.person_key = :person ORDER BY n.due_at, n.id;

-- name: told_lately
-- How many mails one person got from us lately (a digest is one), and when the last one was claimed.
SELECT count(DISTINCT fence) AS many, max(claimed_at) AS last FROM notice
 WHERE person_key = :person AND claimed_at > :since AND kind NOT IN ('code', 'alert', 'returned', 'expired');

-- name: postpone_notice
-- Wait for others to the same person.
UPDATE notice SET due_at = ?, state = 'queued' WHERE id = ?;

-- name: claim_notice
-- On its way; `due_at` is when its lease ends.
UPDATE notice SET state = 'sending', attempts = attempts + 1, fence = ?, claimed_at = ?, due_at = ? WHERE id = ?;

-- name: end_notice
-- Gone, or given up. A number that was mailed is not kept.
UPDATE notice SET state = :state, ended_at = :now, last_reply = :reply, data = iif(kind = 'code', '{}', data)
 WHERE id = :id AND state = 'sending' AND fence = :fence;

-- name: defer_notice
-- Again later.
UPDATE notice SET state = 'queued', due_at = :due, last_reply = :reply
 WHERE id = :id AND state = 'sending' AND fence = :fence;

-- name: notices_back
-- What an earlier process had on the wire is due again: nobody waits for its lease.
UPDATE notice SET state = 'queued', due_at = ? WHERE state = 'sending';

-- name: notices_undelivered
-- Notices that somebody should have by now.
SELECT count(*) FROM notice WHERE state <> 'sent' AND created_at < ?;
