-- Order within a conversation, and what the service must still know after a restart.

-- A copy that may not overtake an earlier one to the same person waits behind it, however long its own time is over.
ALTER TABLE delivery ADD COLUMN behind INTEGER;    -- the mail whose copy to this address must leave first
DROP INDEX delivery_due;
DROP INDEX delivery_next;
CREATE INDEX delivery_due ON delivery (destination, due_at, mail) WHERE state = 'queued' AND behind IS NULL;
CREATE INDEX delivery_next ON delivery (due_at) WHERE state = 'queued' AND behind IS NULL;
CREATE INDEX delivery_behind ON delivery (behind) WHERE behind IS NOT NULL;
CREATE INDEX mail_by_thread ON mail (thread, sender_key) WHERE unfinished > 0;
DROP INDEX delivery_by_mail;
CREATE INDEX delivery_by_mail ON delivery (mail, address_key);

-- Whom a copy must let go first: every earlier mail of the same sender and conversation with a copy to the same address
-- that has not ended and was not tried yet. An attempt that a crash cut off was no try; what is damaged never leaves.
CREATE VIEW ahead AS
SELECT d.id AS delivery, n.id AS mail
  FROM delivery d
  JOIN mail m ON m.id = d.mail
  JOIN mail n INDEXED BY mail_by_thread
    ON n.thread = m.thread AND n.sender_key = m.sender_key AND n.unfinished > 0 AND n.id < m.id
  JOIN delivery e INDEXED BY delivery_by_mail ON e.mail = n.id AND e.address_key = d.address_key
 WHERE e.ended_at IS NULL
   AND (e.state = 'held' OR e.attempts - e.crashes - (e.state = 'sending') <= 0)
   AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.mail = n.id AND h.kind = 'damaged' AND h.resolved_at IS NULL);

-- What waited behind a copy that has ended may go, or waits behind the one before that. Its time begins now.
CREATE TRIGGER delivery_lets_go AFTER UPDATE OF state ON delivery WHEN NEW.ended_at IS NOT NULL
BEGIN
  UPDATE delivery
     SET behind = (SELECT a.mail FROM ahead a WHERE a.delivery = delivery.id ORDER BY a.mail DESC LIMIT 1),
         due_at = iif(state = 'queued', max(due_at, NEW.ended_at), NULL), released_at = NULL
   WHERE behind = NEW.mail AND address_key = NEW.address_key;
END;

-- What one login has unfinished is asked for when its quota may be used up, however much of it is kept.
CREATE INDEX mail_by_login ON mail (login COLLATE NOCASE, size) WHERE unfinished > 0 AND kind = 'mail';

-- By name: a bypass and its end, what is frozen, whether sending is paused. Nothing of a mail.
CREATE TABLE memory (
  name  TEXT PRIMARY KEY,
  value TEXT    NOT NULL,                   -- JSON
  at    INTEGER NOT NULL
) WITHOUT ROWID;

-- One row: which store this is, as the file beside it says too, and why nothing may leave from it ('': it may).
CREATE TABLE epoch (id TEXT NOT NULL, paused TEXT NOT NULL);
INSERT INTO epoch VALUES ('', '');
