-- Whether the database says what it said. Nothing here is asked by a running service.

-- name: how_many
-- All mails that are known.
SELECT count(*) FROM mail;

-- name: next_mails
-- The mails after this number, with what is to be compared.
SELECT m.id, m.queue_id, m.size, m.digest, m.purged_at, m.unfinished, m.version,
       (SELECT count(*) FROM version v WHERE v.mail = m.id AND v.number = m.version) AS versions,
       EXISTS (SELECT 1 FROM hold h WHERE h.mail = m.id AND h.resolved_at IS NULL) AS on_hold
  FROM mail m WHERE m.id > ? ORDER BY m.id LIMIT ?;

-- name: accepted_of
-- Whom a mail was accepted for.
SELECT recipients FROM envelope WHERE mail = ?;

-- name: copies_of
-- What became of each of its recipients.
SELECT address_key, added, state, ended_at FROM delivery WHERE mail = ? ORDER BY id;
