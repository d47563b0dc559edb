-- Forgetting. secure_delete overwrites what is deleted here; the log is emptied afterwards.

-- name: bodies_to_purge_of
-- Which of these mails (a JSON list) have ended, and no notice, no archive and no legal hold needs.
SELECT m.id FROM json_each(?) asked JOIN mail m ON m.id = asked.value
 WHERE m.purged_at IS NULL AND m.ended_at IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.mail = m.id AND n.state IN ('queued', 'sending'))
   AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.mail = m.id)
   AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id)
 ORDER BY m.id;

-- name: purge_splices
-- The text of its body that was to leave changed; that it was, is kept.
UPDATE version SET edits = (
         SELECT json_group_array(json(CASE WHEN value ->> 'edit' = 'splice' THEN json_set(value, '$.octets', '') ELSE value END))
           FROM json_each(version.edits))
 WHERE mail = ? AND edits LIKE '%"splice"%';

-- name: mails_to_forget
-- What was decided long ago, and no legal hold covers.
SELECT m.id FROM mail m
 WHERE m.purged_at IS NOT NULL AND m.ended_at <= ? AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id)
 ORDER BY m.ended_at LIMIT ?;
