-- The audit becomes a chain, programs get tokens of their own, and other systems hear of what happened.

-- A closed range of events, chained to the one before. Its records stay where they are; what proves them stands here.
CREATE TABLE seal (
  number  INTEGER PRIMARY KEY,
  first   INTEGER NOT NULL,                 -- events from this one
  last    INTEGER NOT NULL,                 -- to this one
  at      INTEGER NOT NULL,
  root    BLOB    NOT NULL,                 -- SHA-256 over the digests of its records
  head    BLOB    NOT NULL,                 -- SHA-256 over the head before and this seal
  leaves  BLOB                              -- per record: number, salt (zeros: erased), digest; NULL: past retention
);
CREATE INDEX seal_kept ON seal (number) WHERE leaves IS NOT NULL;

-- What was forgotten before there was a chain is no gap in it.
INSERT INTO event (mail, at, kind, actor, data)
SELECT NULL, max(at), 'audit.begun', 'mailguard (migration)', '{}' FROM event HAVING count(*) > 0;

-- A program's key to the API; the token itself is never stored.
CREATE TABLE token (
  name       TEXT PRIMARY KEY,
  digest     BLOB    NOT NULL UNIQUE,
  role       TEXT    NOT NULL,
  person     TEXT    NOT NULL,              -- whose mail it may see and treat; '' is no person's
  made_by    TEXT    NOT NULL,
  made_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Who is to be told of what: the configuration's webhooks, one row for each kind of event.
CREATE TABLE hook (
  url  TEXT NOT NULL,
  kind TEXT NOT NULL,                       -- of an event
  PRIMARY KEY (url, kind)
) WITHOUT ROWID;

-- Something to tell another system: made with the event it is about, in the same commit. Its text is made when claimed.
CREATE TABLE call (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  url        TEXT    NOT NULL,
  event      INTEGER NOT NULL REFERENCES event ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,              -- while it is made: when its lease ends
  attempts   INTEGER NOT NULL DEFAULT 0,
  fence      INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX call_by_url ON call (url, id);
CREATE INDEX call_by_event ON call (event);

CREATE TRIGGER event_told AFTER INSERT ON event
WHEN NEW.kind IN ('message.held', 'message.stopped', 'hold.released', 'delivery.failed', 'message.bounced')
BEGIN
  INSERT INTO call (url, event, created_at, due_at) SELECT h.url, NEW.id, NEW.at, NEW.at FROM hook h WHERE h.kind = NEW.kind;
END;
