-- How somebody signed in to the pages, and what the OpenID provider said they belong to.
ALTER TABLE login ADD COLUMN way TEXT NOT NULL DEFAULT 'code';
ALTER TABLE login ADD COLUMN second INTEGER NOT NULL DEFAULT 0;    -- with a second factor
ALTER TABLE login ADD COLUMN claims TEXT NOT NULL DEFAULT '[]';
ALTER TABLE login ADD COLUMN name TEXT NOT NULL DEFAULT '';        -- of the login whose password it was

-- The second factor of a login, by its name in lower case.
CREATE TABLE factor (
  name     TEXT PRIMARY KEY,
  secret   TEXT    NOT NULL,                -- base32, as the authenticator app keeps it: there is no checking a code without it
  step     INTEGER NOT NULL DEFAULT 0,      -- of the code that was used last; none of then or before is good again
  wrong    INTEGER NOT NULL DEFAULT 0,      -- codes in a row
  recovery TEXT    NOT NULL                 -- digests of what is left of the recovery codes
) WITHOUT ROWID;
