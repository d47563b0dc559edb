-- Finding mails by their words, and what the console asks beside.

-- name: make_findable
-- The words of one mail.
INSERT INTO word (rowid, sender, recipients, domains, subject, files, rules, message_id)
SELECT id, sender, recipients, domains, subject, files, rules, message_id FROM findable WHERE id = ?;

-- name: make_unfindable
-- No words, until they are put in again.
DELETE FROM word WHERE rowid = ?;

-- name: forget_words
-- The index is written anew without what was struck out of it, in steps of so many pages; the first one's is negative.
INSERT INTO word (word, rank) VALUES ('merge', ?);

-- name: search_unsent
-- Where `search` begins for mails with a copy that failed or was cancelled.
(SELECT DISTINCT u.mail FROM delivery u INDEXED BY delivery_unsent
  WHERE u.state = :state AND u.state IN ('failed', 'cancelled')) unsent CROSS JOIN mail m ON m.id = unsent.mail;

-- name: changes
-- What happened of one kind that is about no mail, the latest first.
SELECT at, kind, actor, data FROM event WHERE mail IS NULL AND kind = ? ORDER BY id DESC LIMIT ?;
