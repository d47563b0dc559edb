-- Policy that became stricter, over all mail that has not ended.

-- name: unfinished_copies
-- Every copy that waits or is on its way, of mail received until then, of one login or (NULL) of anybody.
SELECT m.id AS mail, m.queue_id, m.sender_key, m.answers, d.address_key
  FROM mail m JOIN delivery d ON d.mail = m.id
 WHERE m.unfinished > 0 AND m.kind = 'mail' AND m.received_at <= :since
   AND (CAST(:login AS TEXT) IS NULL OR lower(m.login) = lower(:login))
   AND d.state IN ('held', 'queued', 'sending')
 ORDER BY m.id;
