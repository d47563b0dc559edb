-- Who writes to whom, remembered mail by mail.

-- name: remembered_of
-- What a person sent last, of what came behind :after.
SELECT r.id, r.sender_key, r.at, r.thread, r.words,
       json_group_array(json_array(t.address_key, t.cc, t.score)) AS copies, max(t.id) AS latest
  FROM (SELECT * FROM remembered WHERE sender_key = :person AND sent = 1 ORDER BY at DESC LIMIT :limit) r
  JOIN remembered_to t ON t.remembered = r.id
 GROUP BY r.id HAVING max(t.id) > :after ORDER BY r.at, r.id;

-- name: remembered_for
-- What a person got last, of what came behind :after.
SELECT r.id, r.sender_key, r.at, r.thread, x'' AS words,
       json_group_array(json_array(t.address_key, t.cc, NULL)) AS copies, max(t.id) AS latest
  FROM (SELECT remembered FROM remembered_to WHERE address_key = :person AND sender_key <> :person
         ORDER BY at DESC LIMIT :limit) mine
  JOIN remembered r ON r.id = mine.remembered
  JOIN remembered_to t ON t.remembered = r.id
 GROUP BY r.id HAVING max(t.id) > :after ORDER BY r.at, r.id;

-- name: remembered_to_them
-- Who wrote to each of these addresses last, and when.
SELECT asked.value AS address_key, t.sender_key, t.at
  FROM json_each(:addresses) asked
  JOIN remembered_to t ON t.id IN (SELECT id FROM remembered_to WHERE address_key = asked.value ORDER BY at DESC LIMIT :limit);

-- name: import_habit
-- How many mails of a sender are known, and since when.
INSERT OR REPLACE INTO habit (sender_key, mails, since)
SELECT sender_key, count(DISTINCT mail), min(at) FROM written WHERE sender_key = ? GROUP BY sender_key;
