-- Deliveries on their way: claimed, settled, given back.

-- name: due_at_destination
-- What is due at one destination, oldest first; read only as far as there is room. What another node is at is left to it.
SELECT due_at, destination, mail FROM delivery
 WHERE state = 'queued' AND behind IS NULL AND destination = ? AND due_at <= ? ORDER BY due_at
   FOR NO KEY UPDATE SKIP LOCKED;

-- name: interrupted
-- What an end of a process cut off and nobody tried since, whose last try is longest ago: it is tried alone.
SELECT mail, destination FROM delivery
 WHERE state = 'queued' AND behind IS NULL AND due_at <= ? AND crashes > 0 ORDER BY claimed_at LIMIT 1
   FOR NO KEY UPDATE SKIP LOCKED;

-- name: next_fences
-- Reserve fences for this many claims (1000 at most); returns the last.
SELECT nextval('fence') + CAST(? AS bigint) - 1;

-- name: due_of
-- What a claim takes, and when it was due: lateness and the report of a delay are reckoned from it.
-- Neither the copies nor their mail, which a person may be changing, are waited for.
SELECT d.id, d.due_at FROM delivery d JOIN mail m ON m.id = d.mail
 WHERE d.mail = ? AND d.state = 'queued' AND d.behind IS NULL AND d.destination = ? AND d.due_at <= ?
   FOR NO KEY UPDATE OF m, d SKIP LOCKED;

-- name: claim
-- These deliveries (a JSON list) start their attempt. The retry clock starts with the first one.
UPDATE delivery
   SET state = 'sending', due_at = NULL, attempts = attempts + 1, fence = ?, worker = ?, claimed_at = ?, lease_until = ?,
       released_at = coalesce(released_at, ?),
       version = coalesce((SELECT m.version FROM mail m WHERE m.id = delivery.mail), version)
 WHERE id IN (SELECT numbers(?));

-- name: cover
-- What an open hold covers does not wait for a time any more. Time on hold does not count for retries.
UPDATE delivery
   SET state = 'held', due_at = NULL, released_at = NULL
 WHERE mail = :mail AND state = 'queued'
   AND EXISTS (SELECT 1 FROM hold h WHERE h.mail = :mail AND h.resolved_at IS NULL
                 AND (h.scope = '[]' OR delivery.address_key IN (SELECT names(h.scope))))
RETURNING id;

-- name: set_aside
-- A claim's copies go back without an outcome, to be held; who was cancelled or dropped while it ran is so now.
UPDATE delivery
   SET state = CASE WHEN reason = '' THEN 'queued' ELSE 'cancelled' END,
       due_at = CASE WHEN reason = '' THEN CAST(:now AS BIGINT) END,
       ended_at = CASE WHEN reason <> '' THEN CAST(:now AS BIGINT) END, crashes = 0, lease_until = NULL
 WHERE mail = :mail AND state = 'sending' AND fence = :fence;

-- name: overdue
-- Attempts that nobody ended in time.
SELECT d.id, d.mail, d.reason FROM delivery d JOIN mail m ON m.id = d.mail
 WHERE d.state = 'sending' AND d.lease_until <= :now ORDER BY d.id FOR NO KEY UPDATE OF m, d SKIP LOCKED;

-- name: left_behind
-- Attempts of nodes that are not at work any more, or that nobody ended in time.
SELECT d.id, d.mail, d.reason FROM delivery d JOIN mail m ON m.id = d.mail
 WHERE d.state = 'sending' AND (d.lease_until <= :now OR d.worker NOT IN (SELECT n.id FROM node n))
 ORDER BY d.id FOR NO KEY UPDATE OF m, d SKIP LOCKED;
