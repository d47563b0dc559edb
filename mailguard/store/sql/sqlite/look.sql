-- Looking, without changing anything.

-- name: find
-- Mails that all given parts hold for, newest first. A part that is not asked is NULL (or 0).
SELECT m.id FROM mail m
 WHERE (:after IS NULL OR m.id < (SELECT a.id FROM mail a WHERE a.queue_id = :after))
   AND (:before IS NULL OR m.received_at < :before)
   AND (:recipient IS NULL OR EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.address_key = :recipient))
   AND (:waiting = 0 OR EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.state IN ('held', 'queued')))
   AND (:state IS NULL OR :state = (SELECT d.state FROM delivery d WHERE d.mail = m.id
        ORDER BY instr('sending held queued failed sent cancelled', d.state) LIMIT 1))
   AND (:rule IS NULL
        OR EXISTS (SELECT 1 FROM hold h WHERE h.mail = m.id AND h.rule = :rule)
        OR EXISTS (SELECT 1 FROM version v, json_each(v.hits) hit
                    WHERE v.mail = m.id AND v.number = m.version AND json_extract(hit.value, '$[0]') = :rule))
   {narrow}
 ORDER BY m.id DESC LIMIT :limit;

-- name: find_unfinished
-- Narrows `find` to mails with something left to do, which are few: the index has only these.
AND m.unfinished > 0;

-- name: find_sender
-- Narrows `find` to one sender's mails.
AND m.sender_key = :sender;

-- name: find_answers
-- Narrows `find` to the mails one person is asked and told about.
AND m.answers_key = :answers;

-- name: receipts
-- The latest mails, as their clients would send them again.
SELECT m.queue_id, m.sender_key, m.digest, m.received_at, e.sender, e.recipients
  FROM mail m JOIN envelope e ON e.id = (SELECT min(f.id) FROM envelope f WHERE f.mail = m.id)
 WHERE m.kind = 'mail' ORDER BY m.id DESC LIMIT ?;

-- name: events
-- A mail's history.
SELECT e.* FROM event e JOIN mail m ON m.id = e.mail WHERE m.queue_id = ? ORDER BY e.id;

-- name: tally
-- How many deliveries are in each state.
SELECT state, deliveries FROM tally;

-- name: oldest
-- When the oldest mail with a delivery in this state came in.
SELECT m.received_at FROM mail m
 WHERE m.unfinished > 0 AND EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.state = ?)
 ORDER BY m.id LIMIT 1;

-- name: load
-- What one login has unfinished. The reports we make on the way have no login, and are nobody's.
SELECT count(*) AS mails, coalesce(sum(size), 0) AS bytes FROM mail INDEXED BY mail_by_login
 WHERE unfinished > 0 AND kind = 'mail' AND login = ? COLLATE NOCASE;

-- name: logins
-- Who has anything unfinished.
SELECT DISTINCT login FROM mail INDEXED BY mail_by_login WHERE unfinished > 0 AND kind = 'mail' AND login <> '';

-- name: next_due
-- The next instant with something to do: a copy, a hold's end or half time, a notice.
SELECT min(at) FROM (
  SELECT min(due_at) AS at FROM delivery WHERE state = 'queued' AND behind IS NULL
  UNION ALL SELECT min(expires_at) FROM hold WHERE resolved_at IS NULL AND frozen = 0
  UNION ALL SELECT min(remind_at) FROM hold WHERE resolved_at IS NULL AND frozen = 0
  UNION ALL SELECT min(due_at) FROM notice WHERE state IN ('queued', 'sending'));
