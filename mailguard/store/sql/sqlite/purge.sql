-- Forgetting. secure_delete overwrites what is deleted here; the log is emptied afterwards.

-- name: bodies_to_purge
-- Mails that ended long enough ago, and that no notice and no archive needs any more.
SELECT m.id FROM mail m
 WHERE m.purged_at IS NULL AND m.ended_at IS NOT NULL AND m.ended_at <= ?
   AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.mail = m.id AND n.state IN ('queued', 'sending'))
   AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.mail = m.id)
 ORDER BY m.ended_at LIMIT ?;

-- name: purge_splices
-- The text of its body that was to leave changed; that it was, is kept.
UPDATE version SET edits = (
         SELECT json_group_array(json(CASE WHEN value ->> 'edit' = 'splice' THEN json_set(value, '$.octets', '') ELSE value END))
           FROM json_each(version.edits))
 WHERE mail = ? AND edits LIKE '%"splice"%';

-- name: mails_to_forget
-- What was decided long ago.
SELECT id FROM mail WHERE purged_at IS NOT NULL AND ended_at <= ? ORDER BY ended_at LIMIT ?;
