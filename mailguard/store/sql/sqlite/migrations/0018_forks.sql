-- One mail that a connector brings in several transactions: what it is known again by, and which mail it became.
CREATE TABLE fork (
  sign  BLOB PRIMARY KEY,                   -- SHA-256 of identity, Message-ID and what is read of it
  mail  INTEGER REFERENCES mail ON DELETE CASCADE,
  at    INTEGER NOT NULL,                   -- when the first came
  forks INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX fork_by_mail ON fork (mail);
-- Own addresses in To and Cc that the connector delivers itself, as JSON.
ALTER TABLE mail ADD COLUMN inside TEXT NOT NULL DEFAULT '[]';
