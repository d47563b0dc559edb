-- Whether the database says what it said. Nothing here is asked by a running service.

-- name: wrong_tallies
-- States whose count is not what is there: what still waits is counted when it is asked for.
SELECT t.state, t.told, t.found
  FROM (SELECT s.state, (SELECT CAST(coalesce(sum(t.deliveries), 0) AS bigint) FROM tally t WHERE t.state = s.state) AS told,
               (SELECT count(*) FROM delivery d WHERE d.state = s.state) AS found
          FROM (VALUES ('sent'), ('failed'), ('cancelled')) AS s (state)) t
 WHERE t.told <> t.found;

-- name: fences
-- The last fence given out, and the highest in use.
SELECT (SELECT last_value + 999 FROM fence),
       greatest((SELECT coalesce(max(fence), 0) FROM delivery), (SELECT coalesce(max(fence), 0) FROM notice));
