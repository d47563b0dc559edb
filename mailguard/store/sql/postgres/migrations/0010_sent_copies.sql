-- Mails that left otherwise than they were sent, so that their sender's Sent folder tells what did not happen.
CREATE TABLE sent_copy (
  mail     bigint PRIMARY KEY REFERENCES mail ON DELETE CASCADE,
  due_at   bigint NOT NULL,
  attempts bigint NOT NULL DEFAULT 0
);
