-- Order within a conversation, and what the service must still know after a restart.

-- A copy that may not overtake an earlier one to the same person waits behind it, however long its own time is over.
ALTER TABLE delivery ADD COLUMN behind INTEGER;    -- the delivery that must leave first
DROP INDEX delivery_due;
DROP INDEX delivery_next;
CREATE INDEX delivery_due ON delivery (destination, due_at, mail) WHERE state = 'queued' AND behind IS NULL;
CREATE INDEX delivery_next ON delivery (due_at) WHERE state = 'queued' AND behind IS NULL;
CREATE INDEX delivery_behind ON delivery (behind) WHERE behind IS NOT NULL;
CREATE INDEX mail_by_thread ON mail (thread, sender_key) WHERE unfinished > 0;

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
