-- What mails are known again by: hashes of runs of words.

-- name: audience
-- These people together, on this conversation.
INSERT INTO audience (thread, addresses, digest) VALUES (:thread, :addresses, md5(:addresses))
ON CONFLICT (thread, digest) DO UPDATE SET addresses = excluded.addresses RETURNING id;

-- name: had_passages
-- How many of these passages they got before.
SELECT count(DISTINCT p.print)
  FROM numbers(:passages) AS asked (value)
  JOIN passage p ON p.print = asked.value
  JOIN text t ON t.id = p.text AND t.audience = :audience;

-- name: add_passages
-- What it says. What many got already is a form letter or a footer.
INSERT INTO passage (print, text)
SELECT asked.value, CAST(:text AS bigint) FROM numbers(:passages) AS asked (value)
 WHERE (SELECT count(*) FROM passage p WHERE p.print = asked.value) < :known
ON CONFLICT DO NOTHING;

-- name: heard
-- The texts with any of these passages, and who got them.
SELECT p.print, t.id, t.kept, a.thread, a.addresses
  FROM numbers(?) AS asked (value)
  JOIN passage p ON p.print = asked.value
  JOIN text t ON t.id = p.text
  JOIN audience a ON a.id = t.audience;

-- name: waiting
-- The sender's latest mails with a sketch that have not ended, and who of these addresses waits for them.
SELECT m.queue_id, m.subject, s.own,
       (SELECT CAST(coalesce(json_agg(d.address_key), '[]') AS text) FROM delivery d
         WHERE d.mail = m.id AND d.state IN ('held', 'queued')
           AND d.address_key IN (SELECT names(:addresses))) AS recipients
  FROM sketch s JOIN mail m ON m.id = s.mail
 WHERE s.sender_key = :sender AND m.unfinished > 0
 ORDER BY s.mail DESC LIMIT :limit;
