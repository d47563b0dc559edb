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

-- name: renew
-- A longer lease for what the claim still has.
UPDATE delivery SET lease_until = ?
 WHERE mail = (SELECT id FROM mail WHERE queue_id = ?) AND state = 'sending' AND fence = ?;

-- name: mail_of_claim
-- What settling must know of the mail, whether anything may hold back a copy that comes back, and whether passages wait.
SELECT m.id, m.kind, m.sender_key, m.automatic, m.thread,
       EXISTS (SELECT 1 FROM hold h WHERE h.mail = m.id AND h.resolved_at IS NULL) AS on_hold,
       EXISTS (SELECT 1 FROM sketch s WHERE s.mail = m.id) AS sketched
  FROM mail m WHERE m.queue_id = ?;

-- name: end
-- An attempt ended for good.
UPDATE delivery
   SET state = ?, ended_at = ?, last_reply = ?, reason = '', crashes = 0, lease_until = NULL
 WHERE id = ? AND state = 'sending' AND fence = ?;

-- name: defer
-- An attempt ended for now; who was cancelled or dropped while it ran is so now.
UPDATE delivery
   SET state = CASE WHEN reason = '' THEN 'queued' ELSE 'cancelled' END,
       due_at = CASE WHEN reason = '' THEN CAST(:due AS BIGINT) END,
       ended_at = CASE WHEN reason <> '' THEN CAST(:now AS BIGINT) END, last_reply = :reply, crashes = 0, lease_until = NULL
 WHERE id = :id AND state = 'sending' AND fence = :fence;

-- name: one_id
-- The queue id behind a number.
SELECT queue_id, answers FROM mail WHERE id = ?;

-- name: freeze
-- Time does nothing to the holds of this mail any more.
UPDATE hold SET frozen = 1 WHERE mail = ? AND resolved_at IS NULL;

-- name: thaw
-- Time counts again for holds it may end.
UPDATE hold SET frozen = 0 WHERE mail = ? AND kind NOT IN ('undecided', 'damaged');

-- name: overdue_back
-- Give one back: to the queue, or to what was decided while it ran. With others on the way nobody knows whose fault it
-- was: that counts once, so that it is tried alone, and no more than once.
UPDATE delivery
   SET state = CASE WHEN reason = '' THEN 'queued' ELSE 'cancelled' END,
       due_at = CASE WHEN reason = '' THEN CAST(:now AS BIGINT) END,
       ended_at = CASE WHEN reason <> '' THEN CAST(:now AS BIGINT) END, crashes = CASE WHEN :alone = 1 THEN crashes + 1 WHEN crashes < 1 THEN 1 ELSE crashes END,
       lease_until = NULL
 WHERE id = :id AND state = 'sending'
RETURNING crashes;

-- name: uncrash
-- The next three attempts count afresh.
UPDATE delivery SET crashes = 0 WHERE mail = ?;
