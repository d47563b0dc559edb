-- Order within a conversation: a later copy to the same person waits behind an earlier one (docs/decisions/0011).

-- name: earlier
-- Whether any earlier mail of this sender in this conversation is unfinished: for almost every mail, none is.
-- What it goes behind must not end before that is committed.
SELECT count(*) > 0 FROM (
  SELECT id FROM mail WHERE thread = ? AND sender_key = ? AND id < ? AND unfinished > 0 ORDER BY id FOR NO KEY UPDATE) waits;

-- name: line_up
-- Each waiting copy of a mail goes behind the latest earlier one that has to leave first.
UPDATE delivery
   SET behind = (SELECT a.mail FROM ahead a WHERE a.delivery = delivery.id ORDER BY a.mail DESC LIMIT 1)
 WHERE mail = ? AND state IN ('held', 'queued')
RETURNING behind;

-- name: let_follow
-- The copies behind a mail look again whom they must let go first; the time of one that may go begins now.
UPDATE delivery
   SET behind = (SELECT a.mail FROM ahead a WHERE a.delivery = delivery.id ORDER BY a.mail DESC LIMIT 1),
       due_at = CASE WHEN state = 'queued' THEN greatest(due_at, :now) END, released_at = NULL
 WHERE behind = :mail
   AND behind IS DISTINCT FROM (SELECT a.mail FROM ahead a WHERE a.delivery = delivery.id ORDER BY a.mail DESC LIMIT 1);

-- name: overtake
-- A person lets these copies go before the earlier ones.
UPDATE delivery
   SET behind = NULL, released_at = CASE WHEN due_at <= :now THEN :now ELSE released_at END
 WHERE mail = :mail AND state = 'queued' AND behind IS NOT NULL
   AND (:scope = '[]' OR address_key IN (SELECT names(:scope)))
RETURNING id;
