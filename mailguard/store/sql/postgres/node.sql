-- Which processes work on this database, and what became of a transaction.

-- name: clock
-- Microseconds since 1970 by the database's clock.
SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint);

-- name: node_seen
-- This node is at work.
INSERT INTO node (id, started_at, seen_at, about) VALUES (:id, :now, :now, :about)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, about = excluded.about;

-- name: node_gone
-- This one stopped by itself: nobody waits for what it had.
DELETE FROM node WHERE id = ?;

-- name: end_sessions
-- What a process that is gone left open in the database, which may not have noticed yet.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ?;

-- name: forget_nodes
-- Nodes that said nothing for so long that no lease of theirs can last.
DELETE FROM node WHERE seen_at <= ?;

-- name: nodes
-- Those heard of within so many microseconds.
SELECT id, started_at, seen_at, about FROM node
 WHERE seen_at >= CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) - ? ORDER BY id;

-- name: committing
-- The row of a transaction: two can't have the same, so the second waits until the first has ended.
INSERT INTO committed (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: committed
-- Whose row that is.
SELECT at FROM committed WHERE id = $1;

-- name: epoch
-- Which database this is, and why nothing may leave from it.
SELECT id, paused FROM epoch;

-- name: begin_epoch
-- What waits here is ours to send, under this id.
UPDATE epoch SET id = ?, paused = '';

-- name: secret
-- The first process's is everybody's.
INSERT INTO secret (one, value) VALUES (true, ?) ON CONFLICT DO NOTHING RETURNING value;

-- name: known_secret
-- What it is.
SELECT value FROM secret;
