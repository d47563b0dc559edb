-- Holds and waits: resolved by people, by time, or for want of anything to hold.

-- name: resolve
-- A hold is answered, once.
UPDATE hold SET resolved_by = ?, resolved_at = ?, remind_at = NULL WHERE id = ? AND resolved_at IS NULL;

-- name: resolve_kind
-- Every open hold of this kind on a mail is answered.
UPDATE hold SET resolved_by = ?, resolved_at = ?, remind_at = NULL WHERE mail = ? AND kind = ? AND resolved_at IS NULL;

-- name: approved
-- Who has approved a hold so far.
UPDATE hold SET approved_by = ? WHERE id = ? AND resolved_at IS NULL;

-- name: ask_anew
-- What approvers said, and may answer to earlier notices, was of a mail to somebody else.
UPDATE hold SET approved_by = '[]', by_mail = 0 WHERE mail = ? AND resolved_at IS NULL AND approvers <> '[]';

-- name: only_page
-- An answer to its notice is not enough any more: that did not name everybody who gets it.
UPDATE hold SET by_mail = 0 WHERE id = ?;

-- name: client_time
-- Until when the client itself asked to wait (FUTURERELEASE).
SELECT max(hold_until) FROM envelope WHERE mail = ?;

-- name: extend
-- Open holds last until later; a reminder that was not sent yet comes at the new half time.
UPDATE hold SET expires_at = :until, remind_at = CASE WHEN remind_at IS NOT NULL THEN :now + (:until - :now) / 2 END
 WHERE mail = :mail AND resolved_at IS NULL AND expires_at < :until;

-- name: reminded
-- Once is enough.
UPDATE hold SET remind_at = NULL WHERE id = ?;

-- name: escalate
-- Others may approve as well.
UPDATE hold SET approvers = ?, escalate_at = NULL WHERE id = ? AND resolved_at IS NULL;

-- name: notice_not_sent
-- Whether somebody was to be told that the mail is held, and was not.
SELECT EXISTS (SELECT 1 FROM notice WHERE mail = ? AND kind IN ('held', 'approval') AND state <> 'sent');

-- name: hold_due
-- Whether time has come for any hold: to end, to ask others, or to remind.
SELECT EXISTS (SELECT 1 FROM hold WHERE resolved_at IS NULL AND frozen = 0 AND expires_at <= :now)
    OR EXISTS (SELECT 1 FROM hold WHERE resolved_at IS NULL AND frozen = 0 AND escalate_at <= :now)
    OR EXISTS (SELECT 1 FROM hold WHERE resolved_at IS NULL AND frozen = 0 AND remind_at <= :now);
