-- Finding mails by their words, and what the console asks beside.

-- name: search
-- Mails, newest first. {words} and {narrowed} narrow it; :first and :last are numbers that the times can't be outside of.
SELECT m.id FROM {from}
 WHERE {words} m.id BETWEEN :first AND :last
   AND (CAST(:since AS BIGINT) IS NULL OR m.received_at >= :since) AND (CAST(:before AS BIGINT) IS NULL OR m.received_at < :before)
   {narrowed}
 ORDER BY {order} DESC LIMIT :limit;

-- name: search_state
-- Narrows `search` to mails whose least finished copy is so (surface: JSON).
AND :state = (SELECT d.state FROM delivery d WHERE d.mail = m.id
               ORDER BY CASE d.state WHEN 'sending' THEN 1 WHEN 'held' THEN 2 WHEN 'queued' THEN 3
                              WHEN 'failed' THEN 4 WHEN 'sent' THEN 5 ELSE 6 END LIMIT 1);

-- name: search_among_unsent
-- Narrows `search` by words to mails with a copy that failed or was cancelled: their numbers are read once.
AND +m.id IN (SELECT u.mail FROM delivery u WHERE u.state = :state AND u.state IN ('failed', 'cancelled'));

-- name: search_unfinished
-- Narrows `search` to mails with something left to do.
AND m.unfinished > 0;

-- name: search_held
-- The same for those that wait for a person, which are fewer still.
AND m.id IN (SELECT d.mail FROM delivery d WHERE d.state = 'held');

-- name: search_sending
-- And for those on their way.
AND m.id IN (SELECT d.mail FROM delivery d WHERE d.state = 'sending');

-- name: search_waiting
-- Narrows `search` to mails that can still be stopped.
AND m.unfinished > 0 AND EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.state IN ('held', 'queued'));

-- name: came_in
-- When the first mail from this number on came in.
SELECT id, received_at FROM mail WHERE id >= ? ORDER BY id LIMIT 1;

-- name: last_mail
-- The last number given.
SELECT coalesce(max(id), 0) FROM mail;

-- name: oldest_unfinished
-- The first mail with something left to do, or this number when there is none.
SELECT coalesce(min(id), ?) FROM mail WHERE unfinished > 0;

-- name: kept_of
-- What other rules could ask of one mail.
SELECT k.facts FROM kept k JOIN mail m ON m.id = k.mail WHERE m.queue_id = ?;

-- name: search_file
-- Narrows `search` to mails that carry a file; where words find mail as well, before a mail is read.
AND {number} IN (SELECT c.mail FROM carried c WHERE c.digest = :digest);
