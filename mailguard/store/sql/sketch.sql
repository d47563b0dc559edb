-- What mails are known again by: hashes of runs of words.

-- name: add_sketch
-- Of a mail that waits.
INSERT INTO sketch (mail, sender_key, own, new, quoted, authors) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (mail) DO UPDATE SET own = excluded.own, new = excluded.new, quoted = excluded.quoted, authors = excluded.authors;

-- name: sketch
-- What a mail says, when it was sent.
SELECT new, quoted, authors FROM sketch WHERE mail = ?;

-- name: end_sketch
-- Nothing of it waits any more.
DELETE FROM sketch WHERE mail = :mail AND (SELECT unfinished FROM mail WHERE id = :mail) = 0;

-- name: add_text
-- They got one more.
INSERT INTO text (audience, kept) VALUES (?, 0) RETURNING id;

-- name: count_passages
-- So many are kept of it.
UPDATE text SET kept = ? WHERE id = ?;

-- name: purge_sketch
-- With a mail's bytes goes what was made of them.
DELETE FROM sketch WHERE mail = ?;
