-- All that is kept of one person (:key), a statement a table: what they are told when they ask. Of mail that others wrote to
-- them they see their own copy of it, and no other recipient. Where text may name them, `replace` finds
-- that; :text is the person as JSON writes them. It also finds whose address ends like theirs: where a row is not `mine`,
-- its texts are read again, and `names`, which is told to nobody.

-- name: person_mail
-- Mails they sent, answer for or were to get.
SELECT m.*, CASE WHEN m.sender_key = :key OR m.answers_key = :key
                      OR EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.address_key = :key) THEN 1 ELSE 0 END AS mine
  FROM mail m
 WHERE m.sender_key = :key OR m.answers_key = :key
    OR EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.address_key = :key)
    OR replace(replace(lower(m.inside), :text, ''), :key, '') <> lower(m.inside)
 ORDER BY m.id;

-- name: person_envelope
-- How mails of theirs came in.
SELECT e.* FROM envelope e JOIN mail m ON m.id = e.mail WHERE m.sender_key = :key OR m.answers_key = :key ORDER BY e.id;

-- name: person_delivery
-- What became of their mails, and of what others sent them.
SELECT d.* FROM delivery d JOIN mail m ON m.id = d.mail
 WHERE d.address_key = :key OR m.sender_key = :key OR m.answers_key = :key ORDER BY d.id;

-- name: person_version
-- What rules said of mails of theirs.
SELECT v.mail, v.number, v.made_at, v.made_by, v.action, v.hits, v.tags, v.rules_hash
  FROM version v JOIN mail m ON m.id = v.mail WHERE m.sender_key = :key OR m.answers_key = :key ORDER BY v.mail, v.number;

-- name: person_hold
-- What held mails of theirs, and what they were asked about.
SELECT h.*, CASE WHEN m.sender_key = :key OR m.answers_key = :key THEN 1 ELSE 0 END AS mine
  FROM hold h JOIN mail m ON m.id = h.mail
 WHERE m.sender_key = :key OR m.answers_key = :key OR replace(replace(lower(h.approvers), :text, ''), :key, '') <> lower(h.approvers)
    OR replace(lower(h.approved_by), :text, '') <> lower(h.approved_by) OR replace(lower(h.escalate_to), :text, '') <> lower(h.escalate_to)
    OR replace(lower(h.resolved_by), :key, '') <> lower(h.resolved_by)
 ORDER BY h.id;

-- name: person_notice
-- What they were told.
SELECT n.* FROM notice n WHERE n.person_key = :key ORDER BY n.id;

-- name: person_journal
-- What an archive is still to be told of mails of theirs.
SELECT j.* FROM journal j JOIN mail m ON m.id = j.mail WHERE m.sender_key = :key OR m.answers_key = :key ORDER BY j.id;

-- name: person_event
-- Every record, and whether it is of a mail of theirs; whom else it names is read from its text.
SELECT e.*, CASE WHEN m.sender_key = :key OR m.answers_key = :key THEN 1 ELSE 0 END AS mine
  FROM event e LEFT JOIN mail m ON m.id = e.mail;

-- name: person_capability
-- The links they have.
SELECT c.* FROM capability c WHERE c.person = :key ORDER BY c.mail;

-- name: person_code
-- The codes that were mailed to them.
SELECT c.*, 0 AS mine FROM code c WHERE replace(c.subject, :key, '') <> c.subject;

-- name: person_login
-- Their sessions.
SELECT l.* FROM login l WHERE l.person = :key;

-- name: person_factor
-- Whether they have a second factor.
SELECT f.* FROM factor f WHERE f.name = :key;

-- name: person_app_password
-- Which devices have a password of theirs.
SELECT a.* FROM app_password a WHERE a.person = :key ORDER BY a.made_at;

-- name: person_token
-- The programs that act for them.
SELECT t.* FROM token t WHERE lower(t.person) = :key;

-- name: person_thread_message
-- Their mails in conversations.
SELECT t.* FROM thread_message t WHERE t.sender_key = :key;

-- name: person_thread_member
-- The conversations they are in.
SELECT t.* FROM thread_member t WHERE t.address_key = :key;

-- name: person_sketch
-- Hashes of texts that wait or were quoted.
SELECT s.mail, s.sender_key, s.authors, 0 AS mine FROM sketch s
 WHERE s.sender_key = :key OR replace(replace(s.authors, :text, ''), :key, '') <> s.authors;

-- name: person_audience
-- That they got the same texts as others did.
SELECT a.id, a.thread, a.addresses AS names, 0 AS mine FROM audience a WHERE replace(replace(a.addresses, :text, ''), :key, '') <> a.addresses;

-- name: person_written
-- Whom they wrote to, and who wrote to them.
SELECT w.* FROM written w WHERE w.sender_key = :key OR w.address_key = :key;

-- name: person_habit
-- How much they wrote.
SELECT h.* FROM habit h WHERE h.sender_key = :key;

-- name: person_remembered
-- What they sent, as hashes of its words.
SELECT r.id, r.mail, r.sender_key, r.at, CASE WHEN r.sender_key = :key THEN r.copies ELSE '' END AS copies, r.sent,
       r.copies AS names, 0 AS mine
  FROM remembered r
 WHERE r.sender_key = :key OR replace(replace(r.copies, :text, ''), :key, '') <> r.copies;

-- name: person_remembered_to
-- Who got it, and what they got.
SELECT r.* FROM remembered_to r WHERE r.sender_key = :key OR r.address_key = :key;

-- name: person_kept
-- What rules can be tried on.
SELECT k.mail, k.at, CASE WHEN m.sender_key = :key OR m.answers_key = :key THEN k.facts ELSE '' END AS facts,
       k.facts AS names, CASE WHEN m.sender_key = :key OR m.answers_key = :key THEN 1 ELSE 0 END AS mine
  FROM kept k JOIN mail m ON m.id = k.mail
 WHERE m.sender_key = :key OR m.answers_key = :key OR replace(replace(k.facts, :text, ''), :key, '') <> k.facts;

-- name: person_memory
-- What they chose, and what is in force because of them.
SELECT m.*, 0 AS mine FROM memory m
 WHERE replace(lower(m.name), :key, '') <> lower(m.name)
    OR replace(replace(lower(m.value), :text, ''), :key, '') <> lower(m.value);

-- name: person_legal_hold
-- The legal holds on them.
SELECT l.* FROM legal_hold l WHERE l.person = :key;

-- name: erase_kept
-- What rules can be tried on, where it names them.
DELETE FROM kept WHERE replace(replace(facts, :text, ''), :key, '') <> facts
   AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = kept.mail);

-- name: erase_audience
-- Texts that they had with others.
DELETE FROM audience WHERE replace(replace(addresses, '"' || :text || '"', ''), '"' || :key || '"', '') <> addresses
   AND NOT EXISTS (SELECT 1 FROM thread_member w JOIN legal_hold legal ON legal.person IN ('*', w.address_key)
                    WHERE w.thread = audience.thread);

-- name: erase_authors
-- That they wrote what a mail quotes: it may be anybody's then.
UPDATE sketch SET authors = '[]' WHERE replace(replace(authors, '"' || :text || '"', ''), '"' || :key || '"', '') <> authors
   AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = sketch.mail);

-- name: erase_writer
-- Whose mail in a conversation it was.
UPDATE thread_message SET sender_key = '' WHERE sender_key = :key
   AND NOT EXISTS (SELECT 1 FROM thread_member w JOIN legal_hold legal ON legal.person IN ('*', w.address_key)
                    WHERE w.thread = thread_message.thread);

-- name: erase_unsent
-- What was to be remembered of mails that are gone.
DELETE FROM remembered WHERE replace(replace(copies, :text, ''), :key, '') <> copies
   AND mail IS NOT NULL AND NOT EXISTS (SELECT 1 FROM mail m WHERE m.id = remembered.mail);

-- name: erase_codes
-- Codes that were mailed to them.
DELETE FROM code WHERE replace(subject, :key, '') <> subject;

-- name: erase_tokens
-- The programs that act for them do so no more.
DELETE FROM token WHERE lower(person) = :key;
