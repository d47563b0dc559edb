-- Who wrote to whom.

-- name: written_to
-- How often the sender wrote to each of these addresses, counted up to a limit: this is asked for every mail.
SELECT asked.value AS address_key,
       (SELECT count(*) FROM (SELECT 1 FROM written w
                               WHERE w.sender_key = :sender AND w.address_key = asked.value LIMIT :limit) few) AS mails
  FROM names(:addresses) AS asked (value);

-- name: written_together
-- The different sets in which these addresses (by place in the list) were in one mail of the sender. Of each address
-- the latest mails, up to a limit.
SELECT DISTINCT places FROM (
  SELECT string_agg(CAST(place AS text), ',' ORDER BY place) AS places, count(*) AS many FROM (
    SELECT w.mail, asked.place - 1 AS place
      FROM names(:addresses) WITH ORDINALITY AS asked (value, place)
      JOIN written w ON w.sender_key = :sender AND w.address_key = asked.value
     WHERE w.mail >= coalesce((SELECT n.mail FROM written n
                                WHERE n.sender_key = :sender AND n.address_key = asked.value
                                ORDER BY n.mail DESC LIMIT 1 OFFSET :limit), 0)) each_mail
   GROUP BY mail) sets
 WHERE many > 1;
