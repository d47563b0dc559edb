-- A move out of a file: what is here is made to be what is there.

-- name: still_moving
-- Whether this move is still the one that writes here; a later one, and the end of it, wait for this transaction.
SELECT id FROM epoch WHERE id = ? FOR UPDATE;

-- name: moving
-- From here on this move is the one.
UPDATE epoch SET id = ?, paused = '';

-- name: moved_here
-- The move has ended: this database is the store, with the doubts there were.
UPDATE epoch SET id = ?, paused = ?;

-- name: pause_epoch
-- Nothing may leave, for this reason.
UPDATE epoch SET paused = ?;

-- name: anything
-- Whether something is kept here.
SELECT EXISTS (SELECT 1 FROM mail) OR EXISTS (SELECT 1 FROM event) OR EXISTS (SELECT 1 FROM memory)
    OR EXISTS (SELECT 1 FROM remembered);

-- name: piece
-- Rows of a part of a table, and their checksum, whatever their order.
SELECT count(*) AS rows,
       encode(sha256(convert_to(coalesce(string_agg(r.said, ';' ORDER BY r.said COLLATE "C"), ''), 'UTF8')), 'hex') AS checksum
  FROM (SELECT {text} AS said FROM {table} {part}) r;

-- name: texts_of
-- What the same rows say one by one.
SELECT {keys}, {text} AS said FROM {table} {part};

-- name: forget_row
-- One row less.
DELETE FROM {table} WHERE {key};

-- name: forget_part
-- All rows of a part less.
DELETE FROM {table} {part};

-- name: count_of
-- How many rows a table has.
SELECT count(*) FROM {table};

-- name: go_on_from
-- No number up to this one is ever given again.
SELECT setval(pg_get_serial_sequence(:table, :column),
              greatest(CAST(:last AS bigint), (SELECT coalesce(max({column}), 0) FROM {table}), 1));

-- name: go_on_from_fence
-- No fence up to this one is ever given out again.
SELECT setval('fence', greatest(CAST(? AS bigint), 1));

-- name: go_on_from_event
-- The next event gets the number after this one.
UPDATE numbered SET last = ?;

-- name: forget_tallies
-- No sums, until they are reckoned.
DELETE FROM tally;

-- name: reckon_tallies
-- How many deliveries ended in each state.
INSERT INTO tally SELECT state, count(*) FROM delivery WHERE ended_at IS NOT NULL GROUP BY state;

-- name: not_findable
-- Mails after this one that no word leads to, and what they are to be found by.
SELECT m.id, m.sender_key, m.login, m.subject, m.attachments, m.message_id, v.hits,
       (SELECT CAST(json_agg(d.address_key) AS text) FROM delivery d WHERE d.mail = m.id) AS recipients,
       (SELECT CAST(json_agg(h.rule) AS text) FROM hold h WHERE h.mail = m.id) AS held
  FROM mail m JOIN version v ON v.mail = m.id AND v.number = m.version
 WHERE m.id > ? AND NOT EXISTS (SELECT 1 FROM word w WHERE w.mail = m.id) ORDER BY m.id LIMIT ?;

-- name: far_as
-- How far this database has come: events, and fences. More of either is work that was done here.
SELECT (SELECT coalesce(max(place), 0) FROM event), (SELECT last_value FROM fence);
