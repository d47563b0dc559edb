-- What people made of what the rules held.

-- name: sent_again
-- Whether the same person sent another mail of this subject soon after this one was taken back.
SELECT EXISTS (SELECT 1 FROM mail n JOIN mail m ON m.id = :mail
                WHERE n.answers_key = m.answers_key AND n.id > m.id AND n.subject = m.subject
                  AND n.received_at <= :until);

-- name: matched
-- Mails that some rule matched, the latest first, without what became of them.
SELECT m.id, m.queue_id, m.received_at, m.sender_key, v.hits
  FROM mail m JOIN version v ON v.mail = m.id AND v.number = m.version
 WHERE m.kind = 'mail' AND v.hits <> '[]'
 ORDER BY m.id DESC;
