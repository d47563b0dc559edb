-- Facts of past mail.

-- name: kept
-- Mails that came in a time, in that order, from behind the mail :after (its time, its number) on.
SELECT mail, at, facts FROM kept INDEXED BY kept_by_age
 WHERE (at, mail) > (:after_at, :after) AND at >= :since AND at < :until
 ORDER BY at, mail LIMIT :limit;
