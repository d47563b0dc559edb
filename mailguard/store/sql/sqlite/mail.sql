-- One mail: putting it in, and reading it back.

-- name: lock_mail
-- The same, for a mail that will be changed; here only one writes, so nobody has to wait.
SELECT id FROM mail WHERE queue_id = ?;

-- name: mails
-- Mails by number (a JSON list), each with its first envelope and the version that leaves. What one envelope of a mail
-- demands of TLS, the mail demands.
SELECT m.*, e.sender AS envelope_sender, e.recipients, e.smtputf8, e.eightbit, e.ret, e.envid, e.hold_until,
       (SELECT max(f.require_tls) FROM envelope f WHERE f.mail = m.id) AS require_tls,
       v.edits, v.hits, v.evidence, v.tags, v.rules_hash
  FROM json_each(:mails) asked
  JOIN mail m ON m.id = asked.value
  JOIN version v ON v.mail = m.id AND v.number = m.version
  JOIN envelope e ON e.id = (SELECT min(f.id) FROM envelope f WHERE f.mail = m.id);

-- name: deliveries_of
-- Every delivery of these mails, in the order they were made, with the mail it waits behind.
SELECT d.*, (SELECT b.queue_id FROM mail b WHERE b.id = d.behind) AS behind_id
  FROM json_each(:mails) asked JOIN delivery d ON d.mail = asked.value ORDER BY d.mail, d.id;

-- name: holds_of
-- Every hold of these mails, oldest first.
SELECT h.* FROM json_each(:mails) asked JOIN hold h ON h.mail = asked.value ORDER BY h.mail, h.id;

-- name: first_chunks
-- The bytes of mails that are one piece long.
SELECT m.id AS mail, c.data, m.queue_id, m.key_id, m.body_key
  FROM json_each(:mails) asked JOIN mail m ON m.id = asked.value JOIN chunk c ON c.id = asked.value << 16;

-- name: keyed_otherwise
-- Mails after this one that are not encrypted as they should be by now.
SELECT id, queue_id, size, key_id, body_key FROM mail
 WHERE purged_at IS NULL AND key_id <> :key_id AND id > :after ORDER BY id LIMIT :limit;
