-- Which mails belong together, and who is on them.

-- name: thread_start
-- A new conversation.
INSERT INTO thread (last_at) VALUES (?) RETURNING id;

-- name: thread_touch
-- It goes on: facts are forgotten counted from here.
UPDATE thread SET last_at = ? WHERE id = ?;

-- name: thread_see
-- A mail of the conversation passed through here.
INSERT INTO thread_message (message_id, thread, seen, sender_key, answers) VALUES (:id, :thread, 1, :sender, :answers)
ON CONFLICT (message_id) DO UPDATE
   SET sender_key = CASE WHEN thread_message.seen = 1 THEN thread_message.sender_key ELSE excluded.sender_key END,
       answers = CASE WHEN thread_message.seen = 1 THEN thread_message.answers ELSE excluded.answers END, seen = 1;

-- name: thread_join
-- Somebody is on the conversation; with `joined_at` NULL only once a copy really goes to them.
INSERT INTO thread_member (thread, address_key, joined_at, hidden) VALUES (?, ?, ?, ?)
ON CONFLICT (thread, address_key) DO UPDATE
   SET hidden = CASE WHEN excluded.hidden < thread_member.hidden THEN excluded.hidden ELSE thread_member.hidden END,
       joined_at = coalesce(thread_member.joined_at, excluded.joined_at),
       dropped_at = CASE WHEN excluded.joined_at IS NULL THEN thread_member.dropped_at END;

-- name: thread_sent
-- A copy went to them: now they are on it for good.
UPDATE thread_member
   SET sent_at = coalesce(sent_at, :now), joined_at = coalesce(joined_at, :now), dropped_at = NULL, taken_off_at = NULL
 WHERE thread = :thread AND address_key = :address AND (sent_at IS NULL OR taken_off_at IS NOT NULL);

-- name: thread_wrote
-- The mail counts as one of its sender's from here.
UPDATE thread_message SET mail = :mail, sent_at = :now
 WHERE message_id = (SELECT message_id FROM mail WHERE id = :mail) AND sent_at IS NULL;

-- name: thread_confidential
-- A mail of it was.
UPDATE thread SET confidential = 1 WHERE id = ? AND confidential = 0;

-- name: thread_dropped
-- Those whose copies of this mail were taken back, and who got none before, are not on the conversation.
UPDATE thread_member SET dropped_at = :now
 WHERE thread = (SELECT thread FROM mail WHERE id = :mail) AND sent_at IS NULL
   AND address_key IN (SELECT address_key FROM delivery WHERE mail = :mail AND state = 'cancelled');

-- name: thread_writer
-- Who wrote a mail that was seen.
SELECT sender_key FROM thread_message WHERE message_id = ? AND seen = 1;

-- name: thread_move
-- What was said of a conversation that began twice at once belongs to the other.
UPDATE thread_message SET thread = :there WHERE thread = :here;

-- name: thread_end
-- It never was.
DELETE FROM thread WHERE id = ?;
