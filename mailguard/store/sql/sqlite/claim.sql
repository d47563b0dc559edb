-- Deliveries on their way: claimed, settled, given back.

-- name: due_at_destination
-- What is due at one destination, oldest first; read only as far as there is room.
SELECT due_at, destination, mail FROM delivery
 WHERE state = 'queued' AND behind IS NULL AND destination = ? AND due_at <= ? ORDER BY due_at;

-- name: interrupted
-- What an end of the process cut off and nobody tried since, whose last try is longest ago: it is tried alone.
SELECT mail, destination FROM delivery INDEXED BY delivery_interrupted
 WHERE state = 'queued' AND behind IS NULL AND due_at <= ? AND crashes > 0 ORDER BY claimed_at LIMIT 1;

-- name: left_behind
-- All attempts: at start they are an earlier process's.
SELECT id, mail, reason FROM delivery WHERE state = 'sending';

-- name: next_fences
-- Reserve fences for this many claims; returns the last.
UPDATE fence SET last = last + ? RETURNING last;

-- name: due_of
-- What a claim takes, and when it was due: lateness and the report of a delay are reckoned from it.
-- INDEXED BY, here and wherever one mail is meant: by itself SQLite walks all that is due.
SELECT id, due_at FROM delivery INDEXED BY delivery_by_mail
 WHERE mail = ? AND state = 'queued' AND behind IS NULL AND destination = ? AND due_at <= ?;

-- name: claim
-- These deliveries (a JSON list) start their attempt. The retry clock starts with the first one.
UPDATE delivery
   SET state = 'sending', due_at = NULL, attempts = attempts + 1, fence = ?, worker = ?, claimed_at = ?, lease_until = ?,
       released_at = coalesce(released_at, ?),
       version = coalesce((SELECT m.version FROM mail m WHERE m.id = delivery.mail), version)
 WHERE id IN (SELECT value FROM json_each(?));

-- name: cover
-- What an open hold covers does not wait for a time any more. Time on hold does not count for retries.
UPDATE delivery INDEXED BY delivery_by_mail
   SET state = 'held', due_at = NULL, released_at = NULL
 WHERE mail = :mail AND state = 'queued'
   AND EXISTS (SELECT 1 FROM hold h WHERE h.mail = :mail AND h.resolved_at IS NULL
                 AND (h.scope = '[]' OR delivery.address_key IN (SELECT value FROM json_each(h.scope))))
RETURNING id;

-- name: set_aside
-- A claim's copies go back without an outcome, to be held; who was cancelled or dropped while it ran is so now.
UPDATE delivery INDEXED BY delivery_by_mail
   SET state = CASE WHEN reason = '' THEN 'queued' ELSE 'cancelled' END,
       due_at = CASE WHEN reason = '' THEN CAST(:now AS BIGINT) END,
       ended_at = CASE WHEN reason <> '' THEN CAST(:now AS BIGINT) END, crashes = 0, lease_until = NULL
 WHERE mail = :mail AND state = 'sending' AND fence = :fence;

-- name: overdue
-- Attempts that nobody ended in time.
SELECT id, mail, reason FROM delivery WHERE state = 'sending' AND lease_until <= :now;
