-- One mail: putting it in, and reading it back.

-- name: add_mail
-- The mail's own row; its number is returned.
INSERT INTO mail (queue_id, kind, sender_key, address, proof, login, answers, answers_key, size, digest, received_at, message_id,
                  subject, attachments, automatic, thread, inside, key_id, body_key, version)
VALUES (:queue_id, :kind, :sender_key, :address, :proof, :login, :answers, :answers_key, :size, :digest, :received_at, :message_id,
        :subject, :attachments, :automatic, :thread, :inside, :key_id, :body_key, 1)
RETURNING id;

-- name: add_envelope
-- The transaction it came in.
INSERT INTO envelope (mail, session_id, received_at, sender, recipients, smtputf8, eightbit, ret, envid, hold_until,
                      require_tls, digest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_chunk
-- A piece of the bytes.
INSERT INTO chunk (id, data) VALUES (?, ?);

-- name: add_version
-- A new version; `mail.version` says which one leaves.
INSERT INTO version (mail, number, made_at, made_by, edits, action, hits, evidence, tags, rules_hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: use_version
-- Let this version leave.
UPDATE mail SET version = ? WHERE id = ?;

-- name: edit_version
-- The present version with other edits, as the next number; the decision is the same.
INSERT INTO version (mail, number, made_at, made_by, edits, action, hits, evidence, tags, rules_hash)
SELECT v.mail, v.number + 1, :now, :by, :edits, v.action, v.hits, v.evidence, v.tags, v.rules_hash
  FROM version v JOIN mail m ON m.id = v.mail AND m.version = v.number
 WHERE m.id = :mail;

-- name: present_edits
-- Number and edits of the version that leaves.
SELECT v.number, v.edits, m.queue_id, m.key_id, m.body_key
  FROM version v JOIN mail m ON m.id = v.mail AND m.version = v.number WHERE m.id = ?;

-- name: add_delivery
-- One recipient.
INSERT INTO delivery (mail, address, address_key, notify, orcpt, destination, state, due_at, shorten, flagged, added,
                      visible, external)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: remove_waiting
-- Deliveries that a decision replaces; what has ended or is on its way stays.
DELETE FROM delivery WHERE mail = ? AND state IN ('held', 'queued');

-- name: add_hold
-- One hold; `frozen` when time must do nothing to it.
INSERT INTO hold (mail, rule, reason, kind, approvers, needed, requires, expires_at, on_expiry, scope, made_at,
                  remind_at, frozen, escalate_at, escalate_to, by_mail, said)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_event
-- One line of a mail's history (`mail` NULL: of none).
INSERT INTO event (mail, at, kind, actor, data) VALUES (?, ?, ?, ?, ?);

-- name: add_notice
-- Something to tell a person.
INSERT INTO notice (mail, kind, person, person_key, power, scope, data, created_at, due_at, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued');

-- name: mail_id
-- The number behind a queue id.
SELECT id FROM mail WHERE queue_id = ?;

-- name: thread_of
-- The conversation a mail belongs to.
SELECT thread FROM mail WHERE id = ?;

-- name: revise
-- The mail changed under the eyes of whoever looks at it.
UPDATE mail SET revision = revision + 1 WHERE id = ?;

-- name: chunk
-- One piece of the bytes, and what it is decrypted with.
SELECT c.data, m.queue_id, m.key_id, m.body_key FROM chunk c JOIN mail m ON m.id = c.id >> 16 WHERE c.id = ?;

-- name: key_of
-- What a mail's pieces are decrypted with.
SELECT queue_id, key_id, body_key FROM mail WHERE id = ?;

-- name: key_ids
-- The keys that mail is encrypted with, '' for none: from one to the next, however many mails there are.
WITH RECURSIVE known (key_id) AS (
  SELECT min(key_id) FROM mail WHERE purged_at IS NULL
  UNION ALL
  SELECT (SELECT min(m.key_id) FROM mail m WHERE m.purged_at IS NULL AND m.key_id > known.key_id) FROM known WHERE known.key_id IS NOT NULL)
SELECT key_id FROM known WHERE key_id IS NOT NULL;

-- name: mails_with_key
-- How many are encrypted with one.
SELECT count(*) FROM mail WHERE purged_at IS NULL AND key_id = ?;

-- name: use_key
-- Its key is encrypted with another one.
UPDATE mail SET key_id = ?, body_key = ? WHERE id = ?;

-- name: write_chunk
-- The same piece, encrypted in another way.
UPDATE chunk SET data = ? WHERE id = ?;

-- name: sealed_texts
-- What is or may be encrypted of each version.
SELECT number, edits, evidence FROM version
 WHERE mail = ? AND (evidence <> '[]' OR edits LIKE '%"splice"%' OR edits NOT LIKE '[%');

-- name: write_texts
-- The same, encrypted in another way, or without what was in the body.
UPDATE version SET edits = ?, evidence = ? WHERE mail = ? AND number = ?;

-- name: size_of
-- How long the bytes are, when they are still there.
SELECT id, size FROM mail WHERE queue_id = ? AND purged_at IS NULL;
