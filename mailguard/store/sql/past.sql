-- Who wrote to whom.

-- name: learn
-- The sender wrote to this address in this mail.
INSERT INTO written (sender_key, address_key, mail, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: learnt
-- The mail is counted, once.
UPDATE mail SET learnt = 1 WHERE id = ? AND learnt = 0;

-- name: learn_habit
-- One more mail of this sender.
INSERT INTO habit (sender_key, mails, since) VALUES (?, 1, ?) ON CONFLICT (sender_key) DO UPDATE SET mails = habit.mails + 1;

-- name: habit
-- How many mails of this sender are remembered, and since when.
SELECT mails, since FROM habit WHERE sender_key = ?;

-- name: written_by
-- Every address the sender wrote to, with the mails to it.
SELECT address_key, count(*) AS mails FROM written WHERE sender_key = :sender GROUP BY address_key LIMIT :limit;

-- name: written_pairs
-- Who wrote to whom how often, in the order of the table: it is read through once, and nothing is sorted.
SELECT address_key, count(*) AS mails FROM written GROUP BY sender_key, address_key;
