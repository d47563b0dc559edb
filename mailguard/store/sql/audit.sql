-- The chain over the events, and what is taken out of it.

-- name: last_seal
-- The end of the chain.
SELECT * FROM seal ORDER BY number DESC LIMIT 1;

-- name: add_seal
-- The next range.
INSERT INTO seal (number, first, last, at, root, head, leaves) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: seal_after
-- The next seal, with the head before it.
SELECT s.*, (SELECT p.head FROM seal p WHERE p.number = s.number - 1) AS previous
  FROM seal s WHERE s.number > ? ORDER BY s.number LIMIT 1;

-- name: seals_over
-- The seals that have any event between these two; what they keep of each is much, and asked for where it is needed.
SELECT number, first, last FROM seal WHERE last >= ? AND first <= ? AND leaves IS NOT NULL ORDER BY number;

-- name: leaves_of
-- What a seal keeps of its records.
SELECT leaves FROM seal WHERE number = ?;

-- name: replace_leaves
-- What proves a range, with salts taken out.
UPDATE seal SET leaves = ? WHERE number = ?;

-- name: oldest_kept
-- The first seal whose records are still here.
SELECT number, first, last FROM seal WHERE leaves IS NOT NULL ORDER BY number LIMIT 1;

-- name: left_of
-- What is left of a range, but for the chain's own events of before this time.
SELECT count(*) FROM event WHERE id BETWEEN ? AND ? AND NOT (mail IS NULL AND kind LIKE 'audit.%' AND at <= ?);

-- name: forget_range
-- The last of it goes, with what could prove single records.
DELETE FROM event WHERE id BETWEEN ? AND ?;

-- name: forget_leaves
-- The root goes on proving that they were there.
UPDATE seal SET leaves = NULL WHERE number = ?;

-- name: old_events
-- Events of no mail that are past their time. The chain's own stay until their whole range goes.
SELECT id FROM event WHERE mail IS NULL AND at <= ? AND kind NOT LIKE 'audit.%' LIMIT ?;

-- name: forget_event
-- One event of no mail.
DELETE FROM event WHERE id = ?;

-- name: mails_of_person
-- Mails that have to do with this person: theirs, to them, asked of them, told to them.
SELECT m.id FROM mail m
 WHERE m.sender_key = :key OR m.answers_key = :key
    OR EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.address_key = :key)
    OR EXISTS (SELECT 1 FROM notice n WHERE n.mail = m.id AND n.person_key = :key);

-- name: hold_texts
-- Where a hold may name a person.
SELECT mail, approvers, approved_by, resolved_by, escalate_to FROM hold;

-- name: inside_texts
-- Who else is named to get a mail, past mailguard.
SELECT id AS mail, inside FROM mail WHERE inside <> '[]';

-- name: forget_member
-- Their place in conversations.
DELETE FROM thread_member WHERE address_key = ?
   AND NOT EXISTS (SELECT 1 FROM thread_member w JOIN legal_hold legal ON legal.person IN ('*', w.address_key)
                    WHERE w.thread = thread_member.thread);

-- name: forget_notices_person
-- What they were told about no mail.
DELETE FROM notice WHERE mail IS NULL AND person_key = ? AND state IN ('sent', 'failed');

-- name: forget_logins_person
-- Their web sessions.
DELETE FROM login WHERE person = ?;

-- name: seen
-- What somebody who acts on a mail has before their eyes.
SELECT m.revision, m.version, v.rules_hash FROM mail m JOIN version v ON v.mail = m.id AND v.number = m.version WHERE m.id = ?;

-- name: told_of_none
-- What anybody was told about no mail.
SELECT id, data FROM notice WHERE mail IS NULL AND state IN ('sent', 'failed')
   AND NOT EXISTS (SELECT 1 FROM legal_hold legal WHERE legal.person IN ('*', person_key));

-- name: forget_notice
-- What was told, whoever heard it.
DELETE FROM notice WHERE id = ?;
