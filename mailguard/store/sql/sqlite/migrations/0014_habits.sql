-- What is remembered of who writes to whom: addresses, times, and hashes of words; never a text. What is sent and got by
-- one person is read from here as a whole, so it is bounded per sender, and no count is kept beside it.

CREATE TABLE remembered (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  mail       INTEGER UNIQUE,                -- NULL: it was imported
  origin     BLOB UNIQUE,                   -- of an imported one, what it is known again by
  sender_key TEXT    NOT NULL,
  at         INTEGER NOT NULL,
  thread     INTEGER NOT NULL,              -- a hash of its subject; 0: none
  words      BLOB    NOT NULL,              -- 32-bit integers
  copies     TEXT    NOT NULL,              -- JSON, until it is sent: address key -> [in Cc, score]
  sent       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX remembered_by_sender ON remembered (sender_key, at) WHERE sent = 1;
CREATE INDEX remembered_by_age ON remembered (at);

-- Who got it.
CREATE TABLE remembered_to (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  remembered  INTEGER NOT NULL REFERENCES remembered ON DELETE CASCADE,
  address_key TEXT    NOT NULL,
  sender_key  TEXT    NOT NULL,
  at          INTEGER NOT NULL,
  cc          INTEGER NOT NULL,
  score       REAL,                         -- how much it surprised; NULL: it was not judged
  UNIQUE (remembered, address_key)
);
CREATE INDEX remembered_to_whom ON remembered_to (address_key, at);
