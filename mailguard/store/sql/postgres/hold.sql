-- Holds and waits: resolved by people, by time, or for want of anything to hold.

-- name: standing
-- How many of these recipients' deliveries (all, or a JSON list of keys) are in each state, and since when at last.
SELECT state, count(*) AS many, max(coalesce(ended_at, claimed_at)) AS at FROM delivery
 WHERE mail = :mail AND (:scope = '[]' OR address_key IN (SELECT names(:scope)))
 GROUP BY state;

-- name: resolve_idle
-- A hold that no unfinished delivery needs any more is closed.
UPDATE hold SET resolved_by = :by, resolved_at = :now, remind_at = NULL
 WHERE mail = :mail AND resolved_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM delivery d
                    WHERE d.mail = :mail AND d.state IN ('held', 'queued', 'sending')
                      AND (hold.scope = '[]' OR d.address_key IN (SELECT names(hold.scope))));

-- name: release
-- What no open hold covers any more leaves, at once or when the client said. The retry clock starts when it may leave.
UPDATE delivery
   SET state = 'queued', due_at = :due, released_at = CASE WHEN CAST(:due AS bigint) <= :now THEN CAST(:now AS bigint) END
 WHERE mail = :mail AND state = 'held'
   AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.mail = :mail AND h.resolved_at IS NULL
                      AND (h.scope = '[]' OR delivery.address_key IN (SELECT names(h.scope))))
RETURNING id;

-- name: hasten
-- What only waits for a time leaves earlier.
UPDATE delivery
   SET due_at = :due, released_at = CASE WHEN :due <= :now THEN coalesce(released_at, :now) ELSE released_at END
 WHERE mail = :mail AND state = 'queued' AND due_at > :due
   AND (:scope = '[]' OR address_key IN (SELECT names(:scope)))
RETURNING id;

-- name: retry
-- Attempts that failed for now start afresh.
UPDATE delivery
   SET due_at = :now, released_at = :now, attempts = 0, crashes = 0
 WHERE mail = :mail AND state = 'queued' AND attempts > 0
RETURNING id;

-- name: give_up
-- An administrator gives these copies up, as if the retry time were over.
UPDATE delivery
   SET state = 'failed', due_at = NULL, ended_at = :now, last_reply = :reply
 WHERE mail = :mail AND state IN ('held', 'queued')
RETURNING id;

-- name: hold_back
-- The wait of these recipients' copies becomes a hold.
UPDATE delivery
   SET state = 'held', due_at = NULL, released_at = NULL
 WHERE mail = :mail AND state IN ('held', 'queued')
   AND (:scope = '[]' OR address_key IN (SELECT names(:scope)))
RETURNING id;

-- name: call_off
-- What waits ends here.
UPDATE delivery
   SET state = 'cancelled', due_at = NULL, ended_at = :now, reason = :reason
 WHERE mail = :mail AND state IN ('held', 'queued')
   AND (:scope = '[]' OR address_key IN (SELECT names(:scope)))
RETURNING id, address;

-- name: call_off_running
-- What is on its way ends too, should this attempt not bring it there.
UPDATE delivery
   SET reason = :reason
 WHERE mail = :mail AND state = 'sending'
   AND (:scope = '[]' OR address_key IN (SELECT names(:scope)));

-- name: hide
-- What waits becomes Bcc.
UPDATE delivery
   SET visible = 0
 WHERE mail = :mail AND state IN ('held', 'queued') AND visible = 1
   AND address_key IN (SELECT names(:scope))
RETURNING id, address;

-- name: expired_mails
-- Mails with a hold that nobody answered in time, and that nobody else is at.
SELECT m.id AS mail FROM mail m
 WHERE m.id IN (SELECT h.mail FROM hold h WHERE h.resolved_at IS NULL AND h.frozen = 0 AND h.expires_at <= :now
                 ORDER BY h.expires_at LIMIT 200)
 ORDER BY m.id FOR NO KEY UPDATE SKIP LOCKED;

-- name: to_remind
-- Holds at half time.
SELECT h.id, h.mail FROM hold h JOIN mail m ON m.id = h.mail
 WHERE h.resolved_at IS NULL AND h.frozen = 0 AND h.remind_at <= :now ORDER BY h.remind_at LIMIT 200
   FOR NO KEY UPDATE OF m, h SKIP LOCKED;

-- name: to_escalate
-- Holds whose approvers have not answered in time for their rule.
SELECT h.id, h.mail FROM hold h JOIN mail m ON m.id = h.mail
 WHERE h.resolved_at IS NULL AND h.frozen = 0 AND h.escalate_at <= :now ORDER BY h.escalate_at LIMIT 200
   FOR NO KEY UPDATE OF m, h SKIP LOCKED;
