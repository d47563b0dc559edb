-- Mails that left otherwise than they were sent, so that their sender's Sent folder tells what did not happen.
CREATE TABLE sent_copy (
  mail     INTEGER PRIMARY KEY REFERENCES mail ON DELETE CASCADE,
  due_at   INTEGER NOT NULL,                -- of the next attempt, or when the lease of this one ends
  attempts INTEGER NOT NULL DEFAULT 0       -- the fence: who counted it last has it
);
