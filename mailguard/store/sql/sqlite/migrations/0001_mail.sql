-- The first schema. Instants are microseconds since 1970 in UTC; addresses ending in _key are in their normal form.
-- A migration is never edited once it was released: the next change is the next number.

-- One accepted message. What was decided stands in its versions, what became of it in its deliveries.
CREATE TABLE mail (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  queue_id    TEXT    NOT NULL UNIQUE,
  kind        TEXT    NOT NULL CHECK (kind IN ('mail', 'dsn')),
  sender_key  TEXT    NOT NULL,             -- the identity's address
  address     TEXT    NOT NULL,             -- the identity, as it was written
  proof       TEXT    NOT NULL,
  login       TEXT    NOT NULL,
  answers     TEXT    NOT NULL,             -- who is told what becomes of it
  answers_key TEXT    NOT NULL,
  size        INTEGER NOT NULL,
  digest      BLOB    NOT NULL,             -- SHA-256 of the bytes as received
  received_at INTEGER NOT NULL,
  message_id  TEXT    NOT NULL,
  subject     TEXT    NOT NULL,
  attachments TEXT    NOT NULL,             -- [[name, content type, size], …]
  automatic   INTEGER NOT NULL,
  thread      INTEGER,                      -- outlived by the mail: facts are forgotten before decisions
  version     INTEGER NOT NULL,             -- the version that leaves
  revision    INTEGER NOT NULL DEFAULT 0,
  unfinished  INTEGER NOT NULL DEFAULT 0,   -- deliveries that have not ended; kept by triggers
  ended_at    INTEGER,                      -- when the last of them ended
  learnt      INTEGER NOT NULL DEFAULT 0,   -- counted in its sender's past
  purged_at   INTEGER                       -- the bytes are gone
);
CREATE INDEX mail_by_answers ON mail (answers_key, id);
CREATE INDEX mail_unfinished ON mail (id) WHERE unfinished > 0;
CREATE INDEX mail_to_purge ON mail (ended_at) WHERE purged_at IS NULL AND ended_at IS NOT NULL;
CREATE INDEX mail_to_forget ON mail (ended_at) WHERE purged_at IS NOT NULL;

-- One SMTP transaction. Several can become one mail: a connector forks a mail into several envelopes.
CREATE TABLE envelope (
  id          INTEGER PRIMARY KEY,
  mail        INTEGER NOT NULL REFERENCES mail ON DELETE CASCADE,
  session_id  TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  sender      TEXT    NOT NULL,             -- MAIL FROM; '' is the null reverse-path
  recipients  TEXT    NOT NULL,             -- [[address, [notify, …], orcpt], …] as received
  smtputf8    INTEGER NOT NULL,
  eightbit    INTEGER NOT NULL,
  ret         TEXT,
  envid       TEXT,
  hold_until  INTEGER                       -- FUTURERELEASE
);
CREATE INDEX envelope_by_mail ON envelope (mail);

-- The untouched bytes, in pieces, so that no large mail is ever bound or read whole. id = mail << 16 | piece.
CREATE TABLE chunk (
  id   INTEGER PRIMARY KEY,
  data BLOB NOT NULL
);

-- What leaves: the bytes with these edits, and what the rules said of exactly this.
CREATE TABLE version (
  mail       INTEGER NOT NULL REFERENCES mail ON DELETE CASCADE,
  number     INTEGER NOT NULL,
  made_at    INTEGER NOT NULL,
  made_by    TEXT    NOT NULL,              -- 'rules', or the person who dropped a recipient
  edits      TEXT    NOT NULL,
  action     INTEGER NOT NULL,
  hits       TEXT    NOT NULL,              -- without the matched words, which go when the bytes go
  evidence   TEXT    NOT NULL,              -- the matched words, hit by hit
  tags       TEXT    NOT NULL,
  rules_hash TEXT    NOT NULL,
  PRIMARY KEY (mail, number)
) WITHOUT ROWID;

-- One recipient's fate.
CREATE TABLE delivery (
  id          INTEGER PRIMARY KEY,
  mail        INTEGER NOT NULL REFERENCES mail ON DELETE CASCADE,
  address     TEXT    NOT NULL,
  address_key TEXT    NOT NULL,
  notify      TEXT    NOT NULL,             -- comma-separated
  orcpt       TEXT,
  destination TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('held', 'queued', 'sending', 'sent', 'failed', 'cancelled')),
  due_at      INTEGER CHECK ((due_at IS NULL) = (state <> 'queued')),
  shorten     TEXT    NOT NULL,
  flagged     TEXT    NOT NULL,
  added       INTEGER NOT NULL,
  visible     INTEGER NOT NULL,
  external    INTEGER NOT NULL,
  reason      TEXT    NOT NULL DEFAULT '',
  attempts    INTEGER NOT NULL DEFAULT 0,
  crashes     INTEGER NOT NULL DEFAULT 0,   -- attempts in a row that ended without any outcome
  released_at INTEGER,
  ended_at    INTEGER,
  last_reply  TEXT    NOT NULL DEFAULT '',
  fence       INTEGER NOT NULL DEFAULT 0,
  worker      TEXT    NOT NULL DEFAULT '',
  claimed_at  INTEGER,
  lease_until INTEGER
);
CREATE INDEX delivery_by_mail ON delivery (mail);
CREATE INDEX delivery_due ON delivery (destination, due_at, mail) WHERE state = 'queued';
CREATE INDEX delivery_next ON delivery (due_at) WHERE state = 'queued';
CREATE INDEX delivery_lease ON delivery (lease_until) WHERE state = 'sending';

CREATE TRIGGER delivery_final BEFORE UPDATE OF state ON delivery
WHEN OLD.state IN ('sent', 'failed', 'cancelled')
BEGIN
  SELECT RAISE(ABORT, 'a delivery that has ended does not change');
END;

-- How many deliveries are in each state, so that asking is cheap however many are kept.
CREATE TABLE tally (state TEXT PRIMARY KEY, deliveries INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO tally VALUES ('held', 0), ('queued', 0), ('sending', 0), ('sent', 0), ('failed', 0), ('cancelled', 0);

CREATE TRIGGER delivery_made AFTER INSERT ON delivery
BEGIN
  UPDATE tally SET deliveries = deliveries + 1 WHERE state = NEW.state;
  UPDATE mail SET unfinished = unfinished + 1 WHERE id = NEW.mail AND NEW.ended_at IS NULL;
END;
CREATE TRIGGER delivery_changed AFTER UPDATE OF state ON delivery WHEN OLD.state <> NEW.state
BEGIN
  UPDATE tally SET deliveries = deliveries - 1 WHERE state = OLD.state;
  UPDATE tally SET deliveries = deliveries + 1 WHERE state = NEW.state;
  UPDATE mail SET unfinished = unfinished - 1, ended_at = iif(unfinished = 1, NEW.ended_at, NULL)
   WHERE id = NEW.mail AND NEW.ended_at IS NOT NULL;
END;
CREATE TRIGGER delivery_removed AFTER DELETE ON delivery
BEGIN
  UPDATE tally SET deliveries = deliveries - 1 WHERE state = OLD.state;
  UPDATE mail SET unfinished = unfinished - 1 WHERE id = OLD.mail AND OLD.ended_at IS NULL;
END;

-- One rule's (or person's) hold on a mail. The mail leaves when every one is resolved.
CREATE TABLE hold (
  id          INTEGER PRIMARY KEY,
  mail        INTEGER NOT NULL REFERENCES mail ON DELETE CASCADE,
  rule        TEXT    NOT NULL,
  reason      TEXT    NOT NULL,
  kind        TEXT    NOT NULL,
  approvers   TEXT    NOT NULL,             -- JSON
  needed      INTEGER NOT NULL,
  requires    TEXT    NOT NULL,
  expires_at  INTEGER,
  on_expiry   TEXT    NOT NULL,
  scope       TEXT    NOT NULL,             -- JSON: address keys; [] is the whole mail
  made_at     INTEGER NOT NULL,
  remind_at   INTEGER,                      -- half time; NULL when reminded or never
  approved_by TEXT    NOT NULL DEFAULT '[]',
  resolved_by TEXT    NOT NULL DEFAULT '',
  resolved_at INTEGER,
  frozen      INTEGER NOT NULL DEFAULT 0    -- its mail is damaged: time does nothing
);
CREATE INDEX hold_by_mail ON hold (mail);
CREATE INDEX hold_expiry ON hold (expires_at) WHERE resolved_at IS NULL AND frozen = 0;
CREATE INDEX hold_reminder ON hold (remind_at) WHERE resolved_at IS NULL AND frozen = 0;

-- Something to tell a person. Its text and its token are made when it is claimed.
CREATE TABLE notice (
  id          INTEGER PRIMARY KEY,
  mail        INTEGER REFERENCES mail ON DELETE CASCADE,
  kind        TEXT    NOT NULL,
  person      TEXT    NOT NULL,
  person_key  TEXT    NOT NULL,
  power       TEXT    NOT NULL,
  scope       TEXT    NOT NULL,
  data        TEXT    NOT NULL,
  created_at  INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,             -- while sending: when its lease ends
  state       TEXT    NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed')),
  attempts    INTEGER NOT NULL DEFAULT 0,
  fence       INTEGER NOT NULL DEFAULT 0,
  claimed_at  INTEGER,
  ended_at    INTEGER,
  last_reply  TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX notice_by_mail ON notice (mail);
CREATE INDEX notice_due ON notice (due_at) WHERE state IN ('queued', 'sending');
CREATE INDEX notice_late ON notice (created_at) WHERE state <> 'sent';
CREATE INDEX notice_by_person ON notice (person_key, claimed_at);

-- Inserted unchained; a sealer may chain closed ranges later.
CREATE TABLE event (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  mail     INTEGER REFERENCES mail ON DELETE CASCADE,
  at       INTEGER NOT NULL,
  kind     TEXT    NOT NULL,
  actor    TEXT    NOT NULL,
  data     TEXT    NOT NULL
);
CREATE INDEX event_by_mail ON event (mail);

-- A link's power over one mail. The token itself is never stored.
CREATE TABLE capability (
  digest     BLOB PRIMARY KEY,
  mail       INTEGER NOT NULL REFERENCES mail ON DELETE CASCADE,
  person     TEXT    NOT NULL,
  power      TEXT    NOT NULL,
  scope      TEXT    NOT NULL,
  granted_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX capability_by_mail ON capability (mail);

-- A one-time number that was mailed to somebody, and how often they asked lately.
CREATE TABLE code (
  subject     TEXT PRIMARY KEY,
  digest      BLOB    NOT NULL,             -- empty once used
  expires_at  INTEGER NOT NULL,
  wrong       INTEGER NOT NULL DEFAULT 0,
  asked       INTEGER NOT NULL DEFAULT 1,
  asked_since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE login (
  digest     BLOB PRIMARY KEY,
  person     TEXT    NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Conversations. A message id that was only referred to is known but not seen.
CREATE TABLE thread (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  last_at INTEGER NOT NULL
);
CREATE INDEX thread_by_age ON thread (last_at);
CREATE TABLE thread_message (
  message_id TEXT PRIMARY KEY,
  thread     INTEGER NOT NULL REFERENCES thread ON DELETE CASCADE,
  seen       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX thread_message_by_thread ON thread_message (thread);
CREATE TABLE thread_member (
  thread      INTEGER NOT NULL REFERENCES thread ON DELETE CASCADE,
  address_key TEXT    NOT NULL,
  joined_at   INTEGER,                      -- NULL while every copy to them is held
  sent_at     INTEGER,
  dropped_at  INTEGER,                      -- a person took them off before anything was sent
  PRIMARY KEY (thread, address_key)
) WITHOUT ROWID;

-- The past: who wrote to whom in which mail, learnt when a copy was sent.
CREATE TABLE written (
  sender_key  TEXT    NOT NULL,
  address_key TEXT    NOT NULL,
  mail        INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  PRIMARY KEY (sender_key, address_key, mail)
) WITHOUT ROWID;
CREATE INDEX written_by_age ON written (at);
CREATE TABLE habit (
  sender_key TEXT PRIMARY KEY,
  mails      INTEGER NOT NULL,
  since      INTEGER NOT NULL
) WITHOUT ROWID;

-- One row: the last fence given out.
CREATE TABLE fence (last INTEGER NOT NULL);
INSERT INTO fence VALUES (0);
