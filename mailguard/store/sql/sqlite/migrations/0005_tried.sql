-- "Was tried" means that an attempt had an outcome. Counting attempts less crashes said so of a copy whose second attempt
-- was cut off, too, and of one that was set aside and let go again: later mail of its conversation overtook it.

DROP VIEW ahead;
CREATE VIEW ahead AS
SELECT d.id AS delivery, n.id AS mail
  FROM delivery d
  JOIN mail m ON m.id = d.mail
  JOIN mail n INDEXED BY mail_by_thread
    ON n.thread = m.thread AND n.sender_key = m.sender_key AND n.unfinished > 0 AND n.id < m.id
  JOIN delivery e INDEXED BY delivery_by_mail ON e.mail = n.id AND e.address_key = d.address_key
 WHERE e.ended_at IS NULL
   AND (e.state = 'held' OR e.last_reply = '')
   AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.mail = n.id AND h.kind = 'damaged' AND h.resolved_at IS NULL);
