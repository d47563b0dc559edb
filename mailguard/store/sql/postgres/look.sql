-- Looking, without changing anything.

-- name: find_approver
-- Narrows `search` to the mails that wait for one person's approval.
AND m.unfinished > 0 AND m.id IN (SELECT h.mail FROM hold h CROSS JOIN LATERAL names(h.approvers) AS a (value)
                                   WHERE h.resolved_at IS NULL AND lower(a.value) = :approver);

-- name: events
-- A mail's history.
SELECT e.* FROM event e JOIN mail m ON m.id = e.mail WHERE m.queue_id = ? ORDER BY e.place;

-- name: tally
-- How many deliveries are in each state: those that wait are counted, the others are summed up.
SELECT s.state, (SELECT count(*) FROM delivery d WHERE d.state = s.state AND d.ended_at IS NULL)
                + (SELECT CAST(coalesce(sum(t.deliveries), 0) AS bigint) FROM tally t WHERE t.state = s.state) AS deliveries
  FROM (VALUES ('held'), ('queued'), ('sending'), ('sent'), ('failed'), ('cancelled')) AS s (state);

-- name: load
-- What one login has unfinished. The reports we make on the way have no login, and are nobody's.
SELECT count(*) AS mails, CAST(coalesce(sum(size), 0) AS bigint) AS bytes FROM mail
 WHERE unfinished > 0 AND kind = 'mail' AND lower(login) = lower(?);

-- name: logins
-- Who has anything unfinished.
SELECT DISTINCT login FROM mail WHERE unfinished > 0 AND kind = 'mail' AND login <> '';
