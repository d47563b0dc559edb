-- What people are told.

-- name: due_people
-- Who has something waiting, the oldest first. A lease that ran out makes it due again.
SELECT person_key, min(due_at) AS first FROM notice
 WHERE state IN ('queued', 'sending') AND due_at <= :latest AND (state = 'queued' AND due_at <= :now OR state = 'sending' AND due_at <= :lease)
 GROUP BY person_key ORDER BY first LIMIT :limit;

-- name: told_lately
-- How many mails one person got from us lately (a digest is one), and when the last one was claimed.
SELECT count(DISTINCT fence) AS many, max(claimed_at) AS last FROM notice
 WHERE person_key = :person AND claimed_at > :since AND kind NOT IN ('code', 'alert', 'returned', 'expired');

-- name: postpone_notice
-- Wait for others to the same person.
UPDATE notice SET due_at = ?, state = 'queued' WHERE id = ?;

-- name: end_notice
-- Gone, or given up. A number that was mailed is not kept.
UPDATE notice SET state = :state, ended_at = :now, last_reply = :reply, data = CASE WHEN kind = 'code' THEN '{}' ELSE data END
 WHERE id = :id AND state = 'sending' AND fence = :fence;

-- name: defer_notice
-- Again later; its reader has not been told.
UPDATE notice SET state = 'queued', due_at = :due, claimed_at = NULL, last_reply = :reply
 WHERE id = :id AND state = 'sending' AND fence = :fence;

-- name: notices_undelivered
-- Notices that somebody should have by now; not the number that a stranger asked for in a name nobody here has.
SELECT count(*) FROM notice
 WHERE state <> 'sent' AND created_at < ? AND NOT (kind = 'code' AND state = 'failed' AND mail IS NULL);
