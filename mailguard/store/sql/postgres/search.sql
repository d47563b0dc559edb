-- Finding mails by their words, and what the console asks beside.

-- name: search_unsent
-- Where `search` begins for mails with a copy that failed or was cancelled.
(SELECT DISTINCT u.mail FROM delivery u
  WHERE u.state = :state AND u.state IN ('failed', 'cancelled')) unsent JOIN mail m ON m.id = unsent.mail;

-- name: changes
-- What happened of one kind that is about no mail, the latest first.
SELECT at, kind, actor, data FROM event WHERE mail IS NULL AND kind = ? ORDER BY place DESC LIMIT ?;

-- name: findable
-- What a mail is found by.
SELECT m.sender_key, m.login, m.subject, m.attachments, m.message_id, v.hits,
       (SELECT CAST(json_agg(d.address_key) AS text) FROM delivery d WHERE d.mail = m.id) AS recipients,
       (SELECT CAST(json_agg(h.rule) AS text) FROM hold h WHERE h.mail = m.id) AS held
  FROM mail m JOIN version v ON v.mail = m.id AND v.number = m.version WHERE m.id = ?;

-- name: make_findable
-- These words.
INSERT INTO word (word, mail) SELECT names(:words), CAST(:mail AS bigint) ON CONFLICT DO NOTHING;

-- name: make_unfindable
-- No words, until they are put in again.
DELETE FROM word WHERE mail = ?;

-- name: search_word
-- Narrows `search` to mails with a word in one of these ranges of the index.
m.id IN (SELECT w.mail FROM word w WHERE {ranges}) AND;
