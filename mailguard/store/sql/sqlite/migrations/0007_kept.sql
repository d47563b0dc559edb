-- What rules could ask of a mail, without anything it says: kept to try other rules on it.
CREATE TABLE kept (
  mail  INTEGER PRIMARY KEY REFERENCES mail ON DELETE CASCADE,
  at    INTEGER NOT NULL,                   -- when the mail came
  facts TEXT    NOT NULL                    -- `records.Kept` as JSON, without what stands at its default
);
CREATE INDEX kept_by_age ON kept (at);
