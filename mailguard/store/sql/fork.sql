-- Forks: one mail in several transactions.

-- name: first_fork
-- Whether this is the first; a second at the same moment waits here until the first is committed, and finds it.
INSERT INTO fork (sign, at) VALUES (:sign, :now)
ON CONFLICT (sign) DO UPDATE SET mail = NULL, at = excluded.at, forks = 1 WHERE fork.at < :since OR fork.at > :until
RETURNING forks;

-- name: fork_is
-- The mail that the first became.
UPDATE fork SET mail = ? WHERE sign = ?;

-- name: fork_of
-- The mail that the others belong to.
SELECT m.queue_id FROM fork f JOIN mail m ON m.id = f.mail WHERE f.sign = ?;

-- name: count_fork
-- One more of them; none when the mail is not known by this any more.
UPDATE fork SET forks = forks + 1 WHERE mail = ?;

-- name: forks
-- How many of them came.
SELECT forks FROM fork WHERE mail = ?;

-- name: forget_fork
-- Others are mails of their own.
DELETE FROM fork WHERE mail = ?;

-- name: forget_forks
-- The same, of all that are too old to have others.
DELETE FROM fork WHERE at < ?;

-- name: widen_envelope
-- What all copies leave with: the first MAIL FROM that is somebody, and what any of the transactions asked for.
UPDATE envelope SET sender = CASE WHEN sender = '' THEN CAST(:sender AS TEXT) ELSE sender END,
                    smtputf8 = smtputf8 | CAST(:smtputf8 AS BIGINT), eightbit = eightbit | CAST(:eightbit AS BIGINT)
 WHERE id = (SELECT min(f.id) FROM envelope f WHERE f.mail = :mail);

-- name: told_of
-- Who was told what of a mail.
SELECT kind, person_key FROM notice WHERE mail = ?;
