-- Who wrote to whom, and which mails belong together.

-- name: thread_known
-- The conversation any of these message ids belongs to; one that was seen counts more than one referred to.
SELECT thread FROM thread_message WHERE message_id IN (SELECT value FROM json_each(?)) ORDER BY seen DESC, thread LIMIT 1;

-- name: thread_start
-- A new conversation.
INSERT INTO thread (last_at) VALUES (?) RETURNING id;

-- name: thread_touch
-- It goes on: facts are forgotten counted from here.
UPDATE thread SET last_at = ? WHERE id = ?;

-- name: thread_see
-- A mail of the conversation passed through here.
INSERT INTO thread_message (message_id, thread, seen) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET seen = 1;

-- name: thread_refer
-- A mail of the conversation that we only know by name.
INSERT INTO thread_message (message_id, thread, seen)
SELECT value, :thread, 0 FROM json_each(:ids) WHERE true ON CONFLICT DO NOTHING;

-- name: thread_join
-- Somebody is on the conversation; with `joined_at` NULL only once a copy really goes to them.
INSERT INTO thread_member (thread, address_key, joined_at) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET joined_at = coalesce(joined_at, excluded.joined_at),
                          dropped_at = iif(excluded.joined_at IS NULL, dropped_at, NULL);

-- name: thread_sent
-- A copy went to them: now they are on it for good.
UPDATE thread_member SET sent_at = :now, joined_at = coalesce(joined_at, :now), dropped_at = NULL
 WHERE thread = :thread AND address_key = :address AND sent_at IS NULL;

-- name: thread_dropped
-- Those whose copies of this mail were taken back, and who got none before, are not on the conversation.
UPDATE thread_member SET dropped_at = :now
 WHERE thread = (SELECT thread FROM mail WHERE id = :mail) AND sent_at IS NULL
   AND address_key IN (SELECT address_key FROM delivery WHERE mail = :mail AND state = 'cancelled');

-- name: learn
-- The sender wrote to this address in this mail.
INSERT INTO written (sender_key, address_key, mail, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: learnt
-- The mail is counted, once.
UPDATE mail SET learnt = 1 WHERE id = ? AND learnt = 0;

-- name: learn_habit
-- One more mail of this sender.
INSERT INTO habit (sender_key, mails, since) VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET mails = mails + 1;

-- name: habit
-- How many mails of this sender are remembered, and since when.
SELECT mails, since FROM habit WHERE sender_key = ?;

-- name: written_to
-- How often the sender wrote to each of these addresses, counted up to a limit: this is asked for every mail.
SELECT asked.value AS address_key,
       (SELECT count(*) FROM (SELECT 1 FROM written w
                               WHERE w.sender_key = :sender AND w.address_key = asked.value LIMIT :limit)) AS mails
  FROM json_each(:addresses) asked;

-- name: written_together
-- The different sets in which these addresses (by place in the list) were in one mail of the sender. Of each address
-- the latest mails, up to a limit.
SELECT DISTINCT places FROM (
  SELECT group_concat(place) AS places, count(*) AS many FROM (
    SELECT w.mail, asked.key AS place
      FROM json_each(:addresses) asked CROSS JOIN written w ON w.sender_key = :sender AND w.address_key = asked.value
     WHERE w.mail >= coalesce((SELECT n.mail FROM written n
                                WHERE n.sender_key = :sender AND n.address_key = asked.value
                                ORDER BY n.mail DESC LIMIT 1 OFFSET :limit), 0)
     ORDER BY w.mail, asked.key)
   GROUP BY mail)
 WHERE many > 1;

-- name: thread_members
-- Everyone on the conversations of these message ids, as far as we saw them; one row of NULL: seen, and empty.
SELECT DISTINCT p.address_key
  FROM json_each(:ids) asked
  JOIN thread_message t ON t.message_id = asked.value AND t.seen = 1
  LEFT JOIN thread_member p ON p.thread = t.thread AND p.joined_at IS NOT NULL AND p.dropped_at IS NULL;
