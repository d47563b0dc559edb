-- Who writes to whom, remembered mail by mail.

-- name: remember_mail
-- A mail that waits, and what it would be known again by in an archive; nothing of it is known before it was sent.
INSERT INTO remembered (mail, sender_key, at, thread, words, copies, origin)
VALUES (:mail, :sender, :at, :thread, :words, :copies,
        CASE WHEN NOT EXISTS (SELECT 1 FROM remembered r WHERE r.origin = :origin) THEN :origin END)
ON CONFLICT (mail) DO UPDATE
   SET thread = excluded.thread, words = excluded.words, copies = excluded.copies,
       origin = coalesce(remembered.origin, excluded.origin);

-- name: remembered_mail
-- It, when a copy of it was sent.
SELECT id, sender_key, copies, sent FROM remembered WHERE mail = ?;

-- name: remembered_sent
-- Its first copy was.
UPDATE remembered SET sent = 1, at = :now WHERE id = :id AND sent = 0;

-- name: remember_copy
-- Somebody got it.
INSERT INTO remembered_to (remembered, address_key, sender_key, at, cc, score) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: remember_past
-- A mail that was sent from here before anything was remembered.
INSERT INTO remembered (mail, origin, sender_key, at, thread, words, copies, sent) VALUES (?, ?, ?, ?, ?, ?, '{}', 1)
ON CONFLICT DO NOTHING RETURNING id;

-- name: remember_import
-- A mail of an archive, once.
INSERT INTO remembered (origin, sender_key, at, thread, words, copies, sent) VALUES (?, ?, ?, ?, ?, '{}', 1)
ON CONFLICT DO NOTHING RETURNING id;

-- name: remember_written
-- It counts as written to them, as what was sent from here does.
INSERT INTO written (sender_key, address_key, mail, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: trim_remembered
-- Of a sender, the latest so many.
DELETE FROM remembered WHERE sender_key = :sender AND sent = 1
   AND at < (SELECT at FROM remembered WHERE sender_key = :sender AND sent = 1 ORDER BY at DESC LIMIT 1 OFFSET :keep);

-- name: forget_remembered
-- What was sent long ago.
DELETE FROM remembered WHERE at <= ? AND NOT EXISTS (
         SELECT 1 FROM legal_hold legal
          WHERE legal.person IN ('*', remembered.sender_key)
             OR EXISTS (SELECT 1 FROM remembered_to t WHERE t.remembered = remembered.id AND t.address_key = legal.person));

-- name: forget_unsent
-- With a mail's bytes goes what was made of them, unless it was sent.
DELETE FROM remembered WHERE mail = ? AND sent = 0;

-- name: erasures
-- How often anybody was forgotten.
SELECT at FROM memory WHERE name = 'history.erasures';

-- name: count_erasure
-- Once more.
INSERT INTO memory (name, value, at) VALUES ('history.erasures', '{}', 1) ON CONFLICT (name) DO UPDATE SET at = memory.at + 1;

-- name: unremembered
-- Mails that were sent from here, of which nothing is remembered and who wrote to whom is known, behind the mail :after.
SELECT m.id FROM mail m
 WHERE m.id > :after AND m.kind = 'mail' AND m.learnt = 1 AND m.automatic = 0
   AND NOT EXISTS (SELECT 1 FROM remembered r WHERE r.mail = m.id)
 ORDER BY m.id LIMIT :limit;

-- name: written_in
-- To whom this mail went, as it is known of its sender.
SELECT w.address_key, w.at FROM delivery d
  JOIN written w ON w.sender_key = :sender AND w.address_key = d.address_key AND w.mail = d.mail
 WHERE d.mail = :mail ORDER BY d.id;

-- name: erase_habits
-- Everything this person sent.
DELETE FROM remembered WHERE sender_key = ? AND NOT EXISTS (
         SELECT 1 FROM legal_hold legal
          WHERE legal.person IN ('*', remembered.sender_key)
             OR EXISTS (SELECT 1 FROM remembered_to t WHERE t.remembered = remembered.id AND t.address_key = legal.person));

-- name: erase_copies
-- And that they got anything.
DELETE FROM remembered_to WHERE address_key = ?
   AND NOT EXISTS (SELECT 1 FROM legal_hold legal WHERE legal.person IN ('*', sender_key));

-- name: erase_empty
-- Mails that nobody got any more.
DELETE FROM remembered WHERE sent = 1 AND NOT EXISTS (SELECT 1 FROM remembered_to t WHERE t.remembered = remembered.id);

-- name: erase_written
-- Whom this person wrote to, and who wrote to them.
DELETE FROM written WHERE (sender_key = :person OR address_key = :person)
   AND NOT EXISTS (SELECT 1 FROM legal_hold legal WHERE legal.person IN ('*', sender_key, address_key));
