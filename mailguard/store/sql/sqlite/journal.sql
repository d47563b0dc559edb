-- What the archive is told.

-- name: due_journals
-- All that is due of one version of a mail: it goes as one.
SELECT id, delivery, fact, created_at, attempts FROM journal INDEXED BY journal_by_mail
 WHERE mail = :mail AND version = :version AND (fence = 0 AND due_at <= :now OR fence <> 0 AND due_at <= :lease) ORDER BY id;

-- name: journals_back
-- What an earlier process had on its way is due again: nobody waits for its lease.
UPDATE journal SET due_at = ?, fence = 0 WHERE fence <> 0;

-- name: claim_journal
-- On its way; `due_at` is when its lease ends.
UPDATE journal SET attempts = attempts + 1, fence = ?, due_at = ? WHERE id = ?;
