-- Looking, without changing anything.

-- name: find_approver
-- Narrows `search` to the mails that wait for one person's approval.
AND +m.unfinished > 0 AND m.id IN (SELECT h.mail FROM hold h, json_each(h.approvers) a
                                    WHERE h.resolved_at IS NULL AND lower(a.value) = :approver);

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
