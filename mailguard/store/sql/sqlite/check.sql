-- Whether the database says what it said. Nothing here is asked by a running service.

-- name: wrong_tallies
-- States whose count is not what is there.
SELECT t.state, t.deliveries AS told, count(d.id) AS found
  FROM tally t LEFT JOIN delivery d ON d.state = t.state GROUP BY t.state HAVING told <> found;

-- name: fences
-- The last fence given out, and the highest in use.
SELECT (SELECT last FROM fence),
       max((SELECT coalesce(max(fence), 0) FROM delivery), (SELECT coalesce(max(fence), 0) FROM notice));
