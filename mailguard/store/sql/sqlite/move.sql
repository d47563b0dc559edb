-- A move into another database: what is read, and where it went.

-- name: columns_of
-- The columns of a table.
SELECT name, type FROM pragma_table_info(?) ORDER BY cid;

-- name: count_of
-- How many rows a table has.
SELECT count(*) FROM {table};

-- name: texts_of
-- What every row of a table says, and the bytes it has, in the order of one column.
SELECT {cut}, {text}, {bytes} FROM {table} {part} ORDER BY {cut};

-- name: rows_of
-- Some of its rows, each with its text.
SELECT {columns}, {text} FROM {table} {part};

-- name: given
-- The last number that was ever given to a row of this table.
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0);

-- name: last_fence
-- The last fence given out.
SELECT last FROM fence;

-- name: moved
-- Where the last move went, and when.
SELECT data, at FROM event WHERE kind = 'store.moving' ORDER BY id DESC LIMIT 1;
