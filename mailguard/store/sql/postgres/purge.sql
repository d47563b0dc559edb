-- Forgetting.

-- name: bodies_to_purge_of
-- Which of these mails (a JSON list) have ended, and no notice, no archive and no legal hold needs.
SELECT m.id FROM numbers(?) AS asked (value) JOIN mail m ON m.id = asked.value
 WHERE m.purged_at IS NULL AND m.ended_at IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.mail = m.id AND n.state IN ('queued', 'sending'))
   AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.mail = m.id)
   AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id)
 ORDER BY m.id FOR NO KEY UPDATE OF m SKIP LOCKED;

-- name: purge_splices
-- The text of its body that was to leave changed; that it was, is kept.
UPDATE version SET edits = (
         SELECT CAST(json_agg(CASE WHEN edit.value ->> 'edit' = 'splice' THEN jsonb_set(edit.value, '{octets}', '""')
                                   ELSE edit.value END ORDER BY edit.place) AS text)
           FROM jsonb_array_elements(CAST(version.edits AS jsonb)) WITH ORDINALITY AS edit (value, place))
 WHERE mail = ? AND edits LIKE '%"splice"%';

-- name: mails_to_forget
-- What was decided long ago, and no legal hold covers.
SELECT m.id FROM mail m
 WHERE m.purged_at IS NOT NULL AND m.ended_at <= ? AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id)
 ORDER BY m.ended_at LIMIT ? FOR UPDATE OF m SKIP LOCKED;

-- name: sum_up
-- The differences of the tally become one a state.
WITH gone AS (DELETE FROM tally RETURNING state, deliveries)
INSERT INTO tally SELECT state, sum(deliveries) FROM gone GROUP BY state;

-- name: forget_committed
-- What nobody can ask about any more.
DELETE FROM committed WHERE at <= ?;
