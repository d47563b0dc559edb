-- What people made of what the rules held.

-- name: judged
-- Mails that some rule matched, the latest first, with their rules' holds and what people did: reports have no rules.
SELECT m.id, m.received_at, m.sender_key, m.answers_key, v.hits,
       (SELECT json_group_array(json_array(h.rule, h.made_at, h.resolved_at, h.resolved_by)) FROM hold h
         WHERE h.mail = m.id AND h.kind = 'rule') AS holds,
       (SELECT min(e.at) FROM event e
         WHERE e.mail = m.id AND e.kind = 'message.cancelled' AND e.actor NOT IN ('rules', 'timer')) AS cancelled_at,
       (SELECT min(e.at) FROM event e
         WHERE e.mail = m.id AND e.kind IN ('recipient.dropped', 'recipient.hidden') AND e.actor <> 'rules') AS dropped_at,
       (SELECT json_group_array(json_extract(e.data, '$.rule')) FROM event e
         WHERE e.mail = m.id AND e.kind = 'rule.reported') AS reported,
       EXISTS (SELECT 1 FROM event e WHERE e.mail = m.id AND e.kind = 'message.bounced') AS bounced
  FROM mail m JOIN version v ON v.mail = m.id AND v.number = m.version
 WHERE m.kind = 'mail' AND v.hits <> '[]'
 ORDER BY m.id DESC;
