-- More of a conversation: who wrote what to whom, whom a person took off, whether it is confidential. And what a mail's
-- text is known again by: hashes, of which no word can be read back.

ALTER TABLE thread ADD COLUMN confidential INTEGER NOT NULL DEFAULT 0;
ALTER TABLE thread_member ADD COLUMN hidden INTEGER NOT NULL DEFAULT 1;       -- only ever in Bcc: nobody is told of them
ALTER TABLE thread_member ADD COLUMN taken_off_at INTEGER;                    -- dropped by a person; NULL once one is sent
ALTER TABLE thread_message ADD COLUMN sender_key TEXT NOT NULL DEFAULT '';
ALTER TABLE thread_message ADD COLUMN answers INTEGER NOT NULL DEFAULT 0;     -- what somebody else wrote
ALTER TABLE thread_message ADD COLUMN mail INTEGER;                           -- set when its first copy was sent
ALTER TABLE thread_message ADD COLUMN sent_at INTEGER;

-- A mail's own sketch, until it was sent: then its passages are known of those who got it.
CREATE TABLE sketch (
  mail       INTEGER PRIMARY KEY REFERENCES mail ON DELETE CASCADE,
  sender_key TEXT NOT NULL,
  own        BLOB NOT NULL,                 -- 64-bit integers
  new        BLOB NOT NULL,
  quoted     BLOB NOT NULL,
  authors    TEXT NOT NULL                  -- JSON: addresses the quotation names: they have it
);
CREATE INDEX sketch_by_sender ON sketch (sender_key, mail);

-- People outside who got mails of one conversation together, the texts of those mails, and what each is known by.
CREATE TABLE audience (
  id        INTEGER PRIMARY KEY,
  thread    INTEGER NOT NULL REFERENCES thread ON DELETE CASCADE,
  addresses TEXT    NOT NULL,               -- JSON: [[address key, visible], …]; [] when it stayed inside
  UNIQUE (thread, addresses)
);
CREATE TABLE text (
  id       INTEGER PRIMARY KEY,
  audience INTEGER NOT NULL REFERENCES audience ON DELETE CASCADE,
  kept     INTEGER NOT NULL                 -- how many passages
);
CREATE INDEX text_by_audience ON text (audience);
CREATE TABLE passage (
  print INTEGER NOT NULL,
  text  INTEGER NOT NULL REFERENCES text ON DELETE CASCADE,
  PRIMARY KEY (print, text)
) WITHOUT ROWID;
CREATE INDEX passage_by_text ON passage (text);
