-- What leaves is journalled to an archive, and what a legal hold covers is not forgotten.

-- Which version of the mail an attempt carries; 0: none was made.
ALTER TABLE delivery ADD COLUMN version INTEGER NOT NULL DEFAULT 0;

-- Of what the archive is told, and its address: a copy to it is not journalled again. What the configuration says.
CREATE TABLE archive (
  fact        TEXT PRIMARY KEY,             -- sent, dropped or cancelled
  address_key TEXT NOT NULL
) WITHOUT ROWID;

-- What the archive is still to be told: made with the fact, in the same commit. Its text is made when claimed.
CREATE TABLE journal (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  mail       INTEGER NOT NULL REFERENCES mail ON DELETE CASCADE,
  delivery   INTEGER NOT NULL REFERENCES delivery ON DELETE CASCADE,
  version    INTEGER NOT NULL,              -- of the mail: as it left, or as it was when it was taken back
  fact       TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,              -- while it is on its way: when its lease ends
  attempts   INTEGER NOT NULL DEFAULT 0,
  fence      INTEGER NOT NULL DEFAULT 0     -- 0: nobody has it
);
CREATE INDEX journal_by_mail ON journal (mail, version);
CREATE INDEX journal_by_delivery ON journal (delivery);
CREATE INDEX journal_due ON journal (due_at);

CREATE TRIGGER delivery_journalled AFTER UPDATE OF state ON delivery WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
BEGIN
  INSERT INTO journal (mail, delivery, version, fact, created_at, due_at)
  SELECT m.id, NEW.id, iif(NEW.state = 'sent' AND NEW.version > 0, NEW.version, m.version), a.fact, NEW.ended_at, NEW.ended_at
    FROM archive a CROSS JOIN mail m
   WHERE m.id = NEW.mail AND m.kind = 'mail' AND a.address_key <> NEW.address_key
     AND a.fact = CASE WHEN NEW.state <> 'cancelled' THEN NEW.state
                       WHEN NEW.reason IN ('dropped', 'replaced') OR NEW.reason LIKE 'dropped by %' THEN 'dropped'
                       ELSE 'cancelled' END;
END;

-- Of whom nothing is forgotten.
CREATE TABLE legal_hold (
  person  TEXT    NOT NULL,                 -- the address in its normal form; * is everybody
  source  TEXT    NOT NULL,                 -- configuration, or command line
  reason  TEXT    NOT NULL,
  made_by TEXT    NOT NULL,
  made_at INTEGER NOT NULL,
  PRIMARY KEY (person, source)
) WITHOUT ROWID;

-- The mails it covers: to, from or answered for by one of them.
CREATE VIEW held_mail AS
SELECT m.id FROM mail m
 WHERE EXISTS (SELECT 1 FROM legal_hold legal
                WHERE legal.person IN ('*', m.sender_key, m.answers_key)
                   OR EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.address_key = legal.person));
