-- Which mails belong together, and who is on them.

-- name: thread_known
-- The conversation any of these message ids belongs to; one that was seen counts more than one referred to.
SELECT thread FROM thread_message WHERE message_id IN (SELECT names(?)) ORDER BY seen DESC, thread LIMIT 1;

-- name: thread_other
-- Another conversation that any of these message ids belongs to.
SELECT thread FROM thread_message
 WHERE message_id IN (SELECT names(:ids)) AND thread <> :thread ORDER BY thread LIMIT 1;

-- name: thread_refer
-- A mail of the conversation that we only know by name.
INSERT INTO thread_message (message_id, thread, seen)
SELECT DISTINCT asked.value, CAST(:thread AS bigint), 0 FROM names(:ids) AS asked (value) ON CONFLICT DO NOTHING;

-- name: thread_members
-- Everyone on the conversations of these message ids, as far as we saw them; one row of NULL: seen, and empty.
SELECT p.address_key, min(p.hidden) AS hidden
  FROM names(:ids) AS asked (value)
  JOIN thread_message t ON t.message_id = asked.value AND t.seen = 1
  LEFT JOIN thread_member p ON p.thread = t.thread AND p.joined_at IS NOT NULL AND p.dropped_at IS NULL
 GROUP BY p.address_key;

-- name: thread_take_off
-- A person does not want these on it: they are told of when they come back.
UPDATE thread_member SET taken_off_at = :now
 WHERE thread = (SELECT thread FROM mail WHERE id = :mail)
   AND address_key IN (SELECT names(:scope));

-- name: thread_hide
-- Moved to Bcc before anything was sent: the others never knew of them.
UPDATE thread_member SET hidden = 1
 WHERE thread = (SELECT thread FROM mail WHERE id = :mail) AND sent_at IS NULL
   AND address_key IN (SELECT names(:scope));

-- name: thread_taken_off
-- Those of these addresses that were taken off, and that got nothing since.
SELECT DISTINCT p.address_key
  FROM names(:ids) AS asked (value)
  JOIN thread_message t ON t.message_id = asked.value AND t.seen = 1
  CROSS JOIN names(:addresses) AS wanted (value)
  JOIN thread_member p ON p.thread = t.thread AND p.address_key = wanted.value AND p.taken_off_at IS NOT NULL;

-- name: thread_is_confidential
-- Whether any mail of these conversations was.
SELECT EXISTS (SELECT 1 FROM names(?) AS asked (value)
                 JOIN thread_message t ON t.message_id = asked.value AND t.seen = 1
                 JOIN thread h ON h.id = t.thread AND h.confidential = 1);

-- name: thread_unanswered
-- Of the sender's mails since anybody else wrote, or was answered, how many went to each of these addresses.
SELECT w.address_key, count(*) AS mails
  FROM thread_message p
  JOIN thread_message t ON t.thread = p.thread AND t.sender_key = :sender
  CROSS JOIN names(:addresses) AS asked (value)
  JOIN written w ON w.sender_key = :sender AND w.address_key = asked.value AND w.mail = t.mail
 WHERE p.message_id = :parent
   AND t.sent_at > coalesce((SELECT max(o.sent_at) FROM thread_message o
                              WHERE o.thread = p.thread AND o.sender_key NOT IN ('', :sender)), 0)
   AND t.sent_at >= coalesce((SELECT max(o.sent_at) FROM thread_message o
                               WHERE o.thread = p.thread AND o.sender_key = :sender AND o.answers = 1), 0)
 GROUP BY w.address_key;
