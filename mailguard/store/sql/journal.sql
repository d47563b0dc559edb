-- What the archive is told.

-- name: archive_of
-- Of what it is told now.
SELECT fact, address_key FROM archive ORDER BY fact;

-- name: forget_archive
-- The configuration before.
DELETE FROM archive;

-- name: add_archive
-- It is told of this from now on.
INSERT INTO archive (fact, address_key) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: forget_journals
-- There is nobody to tell any more.
DELETE FROM journal;

-- name: due_mails
-- Versions of mails with something to tell, the oldest first. A lease that ran out makes it due again.
SELECT mail, version, min(due_at) AS first FROM journal
 WHERE due_at <= :latest AND (fence = 0 AND due_at <= :now OR fence <> 0 AND due_at <= :lease)
 GROUP BY mail, version ORDER BY first LIMIT :limit;

-- name: end_journal
-- The archive has it.
DELETE FROM journal WHERE id = ? AND fence = ?;

-- name: put_off_journal
-- Again later.
UPDATE journal SET due_at = ?, fence = 0 WHERE id = ? AND fence = ?;

-- name: journals_undelivered
-- What the archive should have by now.
SELECT count(*) FROM journal WHERE created_at < ?;

-- name: edits_of
-- Those of one version.
SELECT v.edits, m.queue_id, m.key_id, m.body_key FROM version v JOIN mail m ON m.id = v.mail WHERE v.mail = ? AND v.number = ?;
