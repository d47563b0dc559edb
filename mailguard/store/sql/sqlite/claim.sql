-- Deliveries on their way: claimed, settled, given back.

-- name: due_destinations
-- Every destination with something due, the longest waiting first. Walks the index from one destination to the next.
WITH RECURSIVE place (destination) AS (
  SELECT (SELECT min(destination) FROM delivery WHERE state = 'queued' AND behind IS NULL)
  UNION ALL
  SELECT (SELECT min(destination) FROM delivery
           WHERE state = 'queued' AND behind IS NULL AND destination > place.destination)
    FROM place WHERE place.destination IS NOT NULL
), firsts AS MATERIALIZED (
  SELECT destination,
         (SELECT min(due_at) FROM delivery d
           WHERE d.state = 'queued' AND d.behind IS NULL AND d.destination = place.destination) AS first
    FROM place WHERE destination IS NOT NULL
)
SELECT destination, first FROM firsts WHERE first <= ? ORDER BY first;

-- name: due_at_destination
-- What is due at one destination, oldest first; read only as far as there is room.
SELECT due_at, destination, mail FROM delivery
 WHERE state = 'queued' AND behind IS NULL AND destination = ? AND due_at <= ? ORDER BY due_at;

-- name: interrupted
-- What an end of the process cut off and nobody tried since, whose last try is longest ago: it is tried alone.
SELECT mail, destination FROM delivery
 WHERE state = 'queued' AND behind IS NULL AND due_at <= ? AND crashes > 0 ORDER BY claimed_at LIMIT 1;

-- name: next_fences
-- Reserve fences for this many claims; returns the last.
UPDATE fence SET last = last + ? RETURNING last;

-- name: due_of
-- What a claim takes, and when it was due: lateness and the report of a delay are reckoned from it.
SELECT id, due_at FROM delivery INDEXED BY delivery_by_mail
 WHERE mail = ? AND state = 'queued' AND behind IS NULL AND destination = ? AND due_at <= ?;

-- name: claim
-- The due deliveries of one mail to one destination start their attempt. The retry clock starts with the first one.
-- INDEXED BY, here and wherever one mail is meant: by itself SQLite walks all that is due.
UPDATE delivery INDEXED BY delivery_by_mail
   SET state = 'sending', due_at = NULL, attempts = attempts + 1, fence = ?, worker = ?, claimed_at = ?, lease_until = ?,
       released_at = coalesce(released_at, ?)
 WHERE mail = ? AND state = 'queued' AND behind IS NULL AND destination = ? AND due_at <= ?;

-- name: renew
-- A longer lease for what the claim still has.
UPDATE delivery SET lease_until = ?
 WHERE mail = (SELECT id FROM mail WHERE queue_id = ?) AND state = 'sending' AND fence = ?;

-- name: mail_of_claim
-- What settling must know of the mail, and whether anything may hold back a copy that comes back.
SELECT m.id, m.kind, m.sender_key, m.automatic, m.thread,
       EXISTS (SELECT 1 FROM hold h WHERE h.mail = m.id AND h.resolved_at IS NULL) AS on_hold
  FROM mail m WHERE m.queue_id = ?;

-- name: end
-- An attempt ended for good.
UPDATE delivery
   SET state = ?, ended_at = ?, last_reply = ?, reason = '', crashes = 0, lease_until = NULL
 WHERE id = ? AND state = 'sending' AND fence = ?;

-- name: defer
-- An attempt ended for now; who was cancelled or dropped while it ran is so now.
UPDATE delivery
   SET state = iif(reason = '', 'queued', 'cancelled'), due_at = iif(reason = '', :due, NULL),
       ended_at = iif(reason = '', NULL, :now), last_reply = :reply, crashes = 0, lease_until = NULL
 WHERE id = :id AND state = 'sending' AND fence = :fence;

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
   SET state = iif(reason = '', 'queued', 'cancelled'), due_at = iif(reason = '', :now, NULL),
       ended_at = iif(reason = '', NULL, :now), crashes = 0, lease_until = NULL
 WHERE mail = :mail AND state = 'sending' AND fence = :fence;

-- name: one_id
-- The queue id behind a number.
SELECT queue_id, answers FROM mail WHERE id = ?;

-- name: freeze
-- Time does nothing to the holds of this mail any more.
UPDATE hold SET frozen = 1 WHERE mail = ? AND resolved_at IS NULL;

-- name: thaw
-- Time counts again for holds it may end.
UPDATE hold SET frozen = 0 WHERE mail = ? AND kind NOT IN ('undecided', 'damaged');

-- name: overdue
-- Attempts that nobody ended in time.
SELECT id, mail, reason FROM delivery WHERE state = 'sending' AND lease_until <= ?;

-- name: overdue_back
-- Give one back: to the queue, or to what was decided while it ran. With others on the way nobody knows whose fault it
-- was: that counts once, so that it is tried alone, and no more than once.
UPDATE delivery
   SET state = iif(reason = '', 'queued', 'cancelled'), due_at = iif(reason = '', :now, NULL),
       ended_at = iif(reason = '', NULL, :now), crashes = iif(:alone, crashes + 1, max(crashes, 1)),
       lease_until = NULL
 WHERE id = :id AND state = 'sending'
RETURNING crashes;

-- name: uncrash
-- The next three attempts count afresh.
UPDATE delivery SET crashes = 0 WHERE mail = ?;
