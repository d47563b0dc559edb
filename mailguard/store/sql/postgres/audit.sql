-- The chain over the events, and what is taken out of it.

-- name: unsealed
-- The next events after this one, each with its mail's queue id.
SELECT e.*, coalesce(m.queue_id, '') AS queue_id FROM event e LEFT JOIN mail m ON m.id = e.mail
 WHERE e.id > ? ORDER BY e.id LIMIT ?;

-- name: records
-- The events of a range, as bytes.
SELECT e.id, e.at, convert_to(e.kind, 'UTF8') AS kind, convert_to(e.actor, 'UTF8') AS actor,
       convert_to(e.data, 'UTF8') AS data, convert_to(coalesce(m.queue_id, ''), 'UTF8') AS queue_id
  FROM event e LEFT JOIN mail m ON m.id = e.mail WHERE e.id BETWEEN ? AND ? ORDER BY e.id;

-- name: unsealed_records
-- The next events after this one, in the same way.
SELECT e.id, e.at, convert_to(e.kind, 'UTF8') AS kind, convert_to(e.actor, 'UTF8') AS actor,
       convert_to(e.data, 'UTF8') AS data, convert_to(coalesce(m.queue_id, ''), 'UTF8') AS queue_id
  FROM event e LEFT JOIN mail m ON m.id = e.mail WHERE e.id > ? ORDER BY e.id LIMIT ?;

-- name: events_given
-- The last number that was ever given to an event.
SELECT last FROM numbered;

-- name: events_of_mails
-- The events of these mails (a JSON list).
SELECT e.id FROM numbers(?) AS asked (value) JOIN event e ON e.mail = asked.value WHERE e.id IS NOT NULL;

-- name: event_texts
-- Where an event may; one without a number is of a mail, or of the last moment.
SELECT id, mail, kind, actor, data FROM event WHERE id IS NOT NULL OR mail IS NOT NULL;

-- name: ended_of
-- Which of these mails (a JSON list) have ended, are told to the archive and under no legal hold.
SELECT m.id FROM numbers(?) AS asked (value) JOIN mail m ON m.id = asked.value
 WHERE m.unfinished = 0 AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.mail = m.id)
   AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id);

-- name: ended_of_locked
-- The same, of mails that will be forgotten: nothing more happens to them.
SELECT m.id FROM numbers(?) AS asked (value) JOIN mail m ON m.id = asked.value
 WHERE m.unfinished = 0 AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.mail = m.id)
   AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id) ORDER BY m.id FOR UPDATE OF m;

-- name: held_of
-- Which of these mails (a JSON list) are under a legal hold.
SELECT held.id FROM numbers(?) AS asked (value) JOIN held_mail held ON held.id = asked.value;

-- name: forget_mails_by_number
-- These mails (a JSON list), with deliveries, holds, versions, notices and events.
DELETE FROM mail WHERE id IN (SELECT numbers(?));

-- name: lock_numbers
-- Nobody else numbers or chains events before this transaction ends.
SELECT last FROM numbered FOR UPDATE;

-- name: number_events
-- Number what was committed. What commits later gets later numbers, whenever it began.
WITH fresh AS (
  SELECT place FROM event WHERE id IS NULL ORDER BY place LIMIT 5000 FOR UPDATE
), counted AS (
  SELECT place, row_number() OVER (ORDER BY place) AS more FROM fresh
), given AS (
  UPDATE event SET id = (SELECT last FROM numbered) + counted.more FROM counted WHERE event.place = counted.place RETURNING 1
)
UPDATE numbered SET last = last + (SELECT count(*) FROM given) RETURNING (SELECT count(*) FROM given);
