-- Looking, without changing anything.

-- name: find_approval
-- Narrows `search` to mails that wait for somebody's approval.
AND +m.unfinished > 0 AND m.id IN (SELECT h.mail FROM hold h WHERE h.resolved_at IS NULL AND h.approvers <> '[]');

-- name: find_sender
-- Narrows `search` to one sender's mails.
AND m.sender_key = :sender;

-- name: find_recipient
-- Narrows `search` to mails with a copy to just this address.
AND EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.address_key = :recipient);

-- name: find_answers
-- Narrows `search` to the mails one person is asked and told about.
AND m.answers_key = :answers;

-- name: assisted
-- Mails with something left to do that an assistant was told of.
SELECT m.queue_id, n.scope FROM notice n JOIN mail m ON m.id = n.mail
 WHERE n.person_key = ? AND n.power = 'assistant' AND m.unfinished > 0 ORDER BY m.id DESC LIMIT ?;

-- name: receipts
-- The latest mails, and what joined them, as their clients would send them again.
SELECT m.queue_id, m.sender_key, coalesce(e.digest, m.digest) AS digest, m.received_at, e.sender, e.recipients
  FROM mail m JOIN envelope e ON e.mail = m.id
 WHERE m.kind = 'mail' AND (e.digest IS NOT NULL OR e.id = (SELECT min(f.id) FROM envelope f WHERE f.mail = m.id))
 ORDER BY m.id DESC LIMIT ?;

-- name: oldest_held
-- When the oldest mail that waits for a person came in. These and the next are few: they are not looked for among all.
SELECT received_at FROM mail WHERE id = (SELECT min(mail) FROM delivery WHERE state = 'held');

-- name: oldest_sending
-- When the oldest mail that is on its way came in. The sum keeps SQLite from walking all mails in their order.
SELECT received_at FROM mail WHERE id = (SELECT min(mail + 0) FROM delivery WHERE state = 'sending');

-- name: oldest_queued
-- When the oldest mail that waits for its time came in.
SELECT m.received_at FROM mail m
 WHERE m.unfinished > 0 AND EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.state = 'queued')
 ORDER BY m.id LIMIT 1;

-- name: next_due
-- The next instant later than :after with something to do: a copy, a hold's end, half time or escalation, a notice, a call,
-- a journal mail.
SELECT min(at) FROM (
  SELECT min(due_at) AS at FROM delivery WHERE state = 'queued' AND behind IS NULL AND due_at > :after
  UNION ALL SELECT min(expires_at) FROM hold WHERE resolved_at IS NULL AND frozen = 0 AND expires_at > :after
  UNION ALL SELECT min(remind_at) FROM hold WHERE resolved_at IS NULL AND frozen = 0 AND remind_at > :after
  UNION ALL SELECT min(escalate_at) FROM hold WHERE resolved_at IS NULL AND frozen = 0 AND escalate_at > :after
  UNION ALL SELECT min(due_at) FROM notice WHERE state IN ('queued', 'sending') AND due_at > :after
  UNION ALL SELECT min(due_at) FROM journal WHERE due_at > :after
  UNION ALL SELECT min(c.due_at) FROM (SELECT DISTINCT url FROM hook) h
              JOIN call c ON c.id = (SELECT min(d.id) FROM call d WHERE d.url = h.url) WHERE c.due_at > :after) due;
