-- The chain over the events, and what is taken out of it.

-- name: unsealed
-- The next events after this one, each with its mail's queue id.
SELECT e.*, coalesce(m.queue_id, '') AS queue_id FROM event e LEFT JOIN mail m ON m.id = e.mail
 WHERE e.id > ? ORDER BY e.id LIMIT ?;

-- name: records
-- The events of a range, as bytes: what was flipped must still be readable enough to be named.
SELECT e.id, e.at, CAST(e.kind AS BLOB) AS kind, CAST(e.actor AS BLOB) AS actor, CAST(e.data AS BLOB) AS data,
       CAST(coalesce(m.queue_id, '') AS BLOB) AS queue_id
  FROM event e LEFT JOIN mail m ON m.id = e.mail WHERE e.id BETWEEN ? AND ? ORDER BY e.id;

-- name: unsealed_records
-- The next events after this one, in the same way.
SELECT e.id, e.at, CAST(e.kind AS BLOB) AS kind, CAST(e.actor AS BLOB) AS actor, CAST(e.data AS BLOB) AS data,
       CAST(coalesce(m.queue_id, '') AS BLOB) AS queue_id
  FROM event e LEFT JOIN mail m ON m.id = e.mail WHERE e.id > ? ORDER BY e.id LIMIT ?;

-- name: events_given
-- The last number that was ever given to an event.
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0);

-- name: events_of_mails
-- The events of these mails (a JSON list).
SELECT e.id FROM json_each(?) asked JOIN event e ON e.mail = asked.value;

-- name: event_texts
-- Where an event may.
SELECT id, mail, kind, actor, data FROM event;

-- name: ended_of
-- Which of these mails (a JSON list) have ended, are told to the archive and under no legal hold.
SELECT m.id FROM json_each(?) asked JOIN mail m ON m.id = asked.value
 WHERE m.unfinished = 0 AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.mail = m.id)
   AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id);

-- name: ended_of_locked
-- The same, of mails that will be forgotten; here only one writes.
SELECT m.id FROM json_each(?) asked JOIN mail m ON m.id = asked.value
 WHERE m.unfinished = 0 AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.mail = m.id)
   AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id);

-- name: held_of
-- Which of these mails (a JSON list) are under a legal hold.
SELECT held.id FROM json_each(?) asked JOIN held_mail held ON held.id = asked.value;

-- name: forget_mails_by_number
-- These mails (a JSON list), with deliveries, holds, versions, notices and events.
DELETE FROM mail WHERE id IN (SELECT value FROM json_each(?));
