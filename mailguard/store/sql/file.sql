-- Which files went where.

-- name: carry
-- The mail carries this file.
INSERT INTO carried (mail, digest) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: file_sent
-- Every file the mail carries went to this domain.
INSERT INTO sent_file (digest, domain, at) SELECT digest, CAST(:domain AS TEXT), CAST(:now AS BIGINT) FROM carried WHERE mail = :mail
ON CONFLICT (digest, domain) DO UPDATE SET at = excluded.at;

-- name: files_sent
-- Where this file went so far.
SELECT domain FROM sent_file WHERE digest = :digest LIMIT :limit;

-- name: put_down
-- Its files are not needed any more.
DELETE FROM carried WHERE mail = ?;

-- name: forget_files
-- What was sent long ago.
DELETE FROM sent_file WHERE at <= ?;
