-- Which files went where: a digest, a domain and a time, and nothing else of either.

-- The files of a mail, until it is known where it went; they go with its bytes.
CREATE TABLE carried (
  mail   INTEGER NOT NULL REFERENCES mail ON DELETE CASCADE,
  digest BLOB    NOT NULL,                  -- SHA-256 of the file
  PRIMARY KEY (mail, digest)
) WITHOUT ROWID;

-- The latest time a file was sent to somebody outside at this domain.
CREATE TABLE sent_file (
  digest BLOB    NOT NULL,
  domain TEXT    NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (digest, domain)
) WITHOUT ROWID;
CREATE INDEX sent_file_by_age ON sent_file (at);
