-- What the archive is told.

-- name: due_journals
-- All that is due of one version of a mail: it goes as one.
SELECT id, delivery, fact, created_at, attempts FROM journal
 WHERE mail = :mail AND version = :version AND (fence = 0 AND due_at <= :now OR fence <> 0 AND due_at <= :lease) ORDER BY id
   FOR NO KEY UPDATE SKIP LOCKED;

-- name: journals_back
-- What nodes that are not at work any more had on their way is due again: nobody waits for its lease.
UPDATE journal SET due_at = ?, fence = 0 WHERE fence <> 0 AND worker NOT IN (SELECT n.id FROM node n);

-- name: claim_journal
-- On its way, from this node; `due_at` is when its lease ends.
UPDATE journal SET attempts = attempts + 1, fence = ?, due_at = ?, worker = current_setting('application_name') WHERE id = ?;
