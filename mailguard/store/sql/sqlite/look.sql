-- Looking, without changing anything.

-- name: find
-- Mails that all given parts hold for, newest first. A part that is not asked is NULL (or 0).
SELECT m.id FROM mail m
 WHERE (CAST(:after AS TEXT) IS NULL OR m.id < (SELECT a.id FROM mail a WHERE a.queue_id = :after))
   AND (CAST(:before AS BIGINT) IS NULL OR m.received_at < :before)
   AND (CAST(:recipient AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.address_key = :recipient))
   AND (:waiting = 0 OR EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.state IN ('held', 'queued')))
   AND (CAST(:state AS TEXT) IS NULL OR :state = (SELECT d.state FROM delivery d WHERE d.mail = m.id
        ORDER BY CASE d.state WHEN 'sending' THEN 1 WHEN 'held' THEN 2 WHEN 'queued' THEN 3
                              WHEN 'failed' THEN 4 WHEN 'sent' THEN 5 ELSE 6 END LIMIT 1))
   AND (CAST(:rule AS TEXT) IS NULL
        OR EXISTS (SELECT 1 FROM hold h WHERE h.mail = m.id AND h.rule = :rule)
        OR EXISTS (SELECT 1 FROM version v, json_each(v.hits) hit
                    WHERE v.mail = m.id AND v.number = m.version AND json_extract(hit.value, '$[0]') = :rule))
   {narrow}
 ORDER BY m.id DESC LIMIT :limit;

-- name: find_approver
-- Narrows `find` to the mails that wait for one person's approval.
AND m.unfinished > 0 AND EXISTS (SELECT 1 FROM hold h, json_each(h.approvers) a
                                  WHERE h.mail = m.id AND h.resolved_at IS NULL AND lower(a.value) = :approver);

-- name: events
-- A mail's history.
SELECT e.* FROM event e JOIN mail m ON m.id = e.mail WHERE m.queue_id = ? ORDER BY e.id;

-- name: tally
-- How many deliveries are in each state.
SELECT state, deliveries FROM tally;

-- name: load
-- What one login has unfinished. The reports we make on the way have no login, and are nobody's.
SELECT count(*) AS mails, coalesce(sum(size), 0) AS bytes FROM mail INDEXED BY mail_by_login
 WHERE unfinished > 0 AND kind = 'mail' AND login = ? COLLATE NOCASE;

-- name: logins
-- Who has anything unfinished.
SELECT DISTINCT login FROM mail INDEXED BY mail_by_login WHERE unfinished > 0 AND kind = 'mail' AND login <> '';
