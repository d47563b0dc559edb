-- Forgetting. secure_delete overwrites what is deleted here; the log is emptied afterwards.

-- name: bodies_to_purge
-- Mails that ended long enough ago, and that no notice, no archive and no legal hold needs. Those it covers are walked
-- each time, so a reader is asked.
SELECT m.id FROM mail m
 WHERE m.purged_at IS NULL AND m.ended_at IS NOT NULL AND m.ended_at <= ?
   AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.mail = m.id AND n.state IN ('queued', 'sending'))
   AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.mail = m.id)
   AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = m.id)
 ORDER BY m.ended_at LIMIT ?;

-- name: purge_chunks
-- The bytes.
DELETE FROM chunk WHERE id BETWEEN CAST(:mail AS BIGINT) << 16 AND CAST(:mail AS BIGINT) << 16 | 65535;

-- name: purge_evidence
-- The words the rules found in it.
UPDATE version SET evidence = '[]' WHERE mail = ?;

-- name: purge_links
-- The links to it.
DELETE FROM capability WHERE mail = ?;

-- name: purged
-- The bytes are gone.
UPDATE mail SET purged_at = ?, key_id = '', body_key = '', revision = revision + 1 WHERE id = ?;

-- name: forget_codes
-- Numbers that nobody may use any more.
DELETE FROM code WHERE expires_at <= :now AND asked_since <= :now;

-- name: forget_logins
-- Web sessions that are over.
DELETE FROM login WHERE expires_at <= ?;

-- name: forget_notices
-- What was told long ago about no mail.
DELETE FROM notice WHERE mail IS NULL AND ended_at <= ?
   AND NOT EXISTS (SELECT 1 FROM legal_hold legal WHERE legal.person IN ('*', person_key));

-- name: slice_of_written
-- Until when the oldest few of those past their time were: forgotten in slices, they do not hold up what comes in.
SELECT max(at) AS until, count(*) AS found FROM (
  SELECT at FROM written WHERE at <= ? AND NOT EXISTS (SELECT 1 FROM legal_hold legal WHERE legal.person IN ('*', sender_key, address_key))
   ORDER BY at LIMIT ?) AS few;

-- name: slice_of_remembered
-- The same of what was sent.
SELECT max(at) AS until, count(*) AS found FROM (
  SELECT at FROM remembered WHERE at <= ? AND NOT EXISTS (
         SELECT 1 FROM legal_hold legal
          WHERE legal.person IN ('*', remembered.sender_key)
             OR EXISTS (SELECT 1 FROM remembered_to t WHERE t.remembered = remembered.id AND t.address_key = legal.person))
   ORDER BY at LIMIT ?) AS few;

-- name: slice_of_files
-- The same of files that were sent.
SELECT max(at) AS until, count(*) AS found FROM (SELECT at FROM sent_file WHERE at <= ? ORDER BY at LIMIT ?) AS few;

-- name: slice_of_kept
-- The same of what rules can be tried on.
SELECT max(at) AS until, count(*) AS found FROM (
  SELECT at FROM kept WHERE at <= ? AND NOT EXISTS (SELECT 1 FROM held_mail held WHERE held.id = kept.mail) ORDER BY at LIMIT ?) AS few;

-- name: writers_to_forget
-- Whose past gets shorter.
SELECT DISTINCT sender_key FROM written WHERE at <= ?;

-- name: forget_written
-- Who wrote to whom, long ago.
DELETE FROM written WHERE at <= ?
   AND NOT EXISTS (SELECT 1 FROM legal_hold legal WHERE legal.person IN ('*', sender_key, address_key));

-- name: recount_habit
-- What is left of a sender's past.
INSERT INTO habit (sender_key, mails, since)
SELECT sender_key, count(DISTINCT mail), min(at) FROM written WHERE sender_key = :key GROUP BY sender_key
ON CONFLICT (sender_key) DO UPDATE SET mails = excluded.mails, since = excluded.since;

-- name: forget_habit
-- A sender of whom nothing is left.
DELETE FROM habit WHERE sender_key = :key AND NOT EXISTS (SELECT 1 FROM written WHERE sender_key = :key);

-- name: threads_to_forget
-- Conversations that ended long ago. While a mail of one waits, a later one must still find its place behind it.
SELECT t.id FROM thread t
 WHERE t.last_at <= ? AND NOT EXISTS (SELECT 1 FROM mail m WHERE m.thread = t.id AND m.unfinished > 0)
   AND NOT EXISTS (SELECT 1 FROM legal_hold legal
                    WHERE legal.person = '*'
                       OR EXISTS (SELECT 1 FROM thread_member w WHERE w.thread = t.id AND w.address_key = legal.person)
                       OR EXISTS (SELECT 1 FROM thread_message w WHERE w.thread = t.id AND w.sender_key = legal.person))
 ORDER BY t.last_at LIMIT ?;

-- name: forget_thread
-- One of them, if it is still so.
DELETE FROM thread WHERE id = ? AND last_at <= ?
   AND NOT EXISTS (SELECT 1 FROM mail m WHERE m.thread = thread.id AND m.unfinished > 0)
   AND NOT EXISTS (SELECT 1 FROM legal_hold legal
                    WHERE legal.person = '*'
                       OR EXISTS (SELECT 1 FROM thread_member w WHERE w.thread = thread.id AND w.address_key = legal.person)
                       OR EXISTS (SELECT 1 FROM thread_message w WHERE w.thread = thread.id AND w.sender_key = legal.person));
