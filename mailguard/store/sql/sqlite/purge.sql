-- Forgetting. secure_delete overwrites what is deleted here; the log is emptied afterwards.

-- name: bodies_to_purge
-- Mails that ended long enough ago, and that no notice needs any more.
SELECT m.id FROM mail m
 WHERE m.purged_at IS NULL AND m.ended_at IS NOT NULL AND m.ended_at <= ?
   AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.mail = m.id AND n.state IN ('queued', 'sending'))
 ORDER BY m.ended_at LIMIT ?;

-- name: purge_chunks
-- The bytes.
DELETE FROM chunk WHERE id BETWEEN ? << 16 AND ? << 16 | 65535;

-- name: purge_evidence
-- The words the rules found in it.
UPDATE version SET evidence = '[]' WHERE mail = ?;

-- name: purge_links
-- The links to it.
DELETE FROM capability WHERE mail = ?;

-- name: purged
-- The bytes are gone.
UPDATE mail SET purged_at = ?, revision = revision + 1 WHERE id = ?;

-- name: forget_mails
-- What was decided long ago; deliveries, holds, versions, notices and events go with it.
DELETE FROM mail WHERE id IN (
  SELECT id FROM mail WHERE purged_at IS NOT NULL AND ended_at <= ? ORDER BY ended_at LIMIT ?);

-- name: forget_codes
-- Numbers that nobody may use any more.
DELETE FROM code WHERE expires_at <= ?1 AND asked_since <= ?1;

-- name: forget_logins
-- Web sessions that are over.
DELETE FROM login WHERE expires_at <= ?;

-- name: forget_notices
-- What was told long ago about no mail.
DELETE FROM notice WHERE mail IS NULL AND ended_at <= ?;

-- name: forget_events
-- The history of no mail.
DELETE FROM event WHERE mail IS NULL AND at <= ?;

-- name: writers_to_forget
-- Whose past gets shorter.
SELECT DISTINCT sender_key FROM written WHERE at <= ?;

-- name: forget_written
-- Who wrote to whom, long ago.
DELETE FROM written WHERE at <= ?;

-- name: recount_habit
-- What is left of a sender's past.
INSERT OR REPLACE INTO habit (sender_key, mails, since)
SELECT sender_key, count(DISTINCT mail), min(at) FROM written WHERE sender_key = ? GROUP BY sender_key;

-- name: forget_habit
-- A sender of whom nothing is left.
DELETE FROM habit WHERE sender_key = ?1 AND NOT EXISTS (SELECT 1 FROM written WHERE sender_key = ?1);

-- name: forget_threads
-- Conversations that ended long ago.
DELETE FROM thread WHERE last_at <= ?;
