-- Passwords of mail clients: random, one for each device. Their digests alone are kept.
CREATE TABLE app_password (
  digest  BLOB PRIMARY KEY,
  person  TEXT    NOT NULL,                 -- their main address, in normal form
  name    TEXT    NOT NULL,                 -- of the device, as they call it
  made_at INTEGER NOT NULL,
  used_on TEXT    NOT NULL DEFAULT '',      -- the day of its last login (UTC); '' before the first
  UNIQUE (person, name)
) WITHOUT ROWID;
