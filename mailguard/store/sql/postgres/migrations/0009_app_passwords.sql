-- Passwords of mail clients: random, one for each device. Their digests alone are kept.
CREATE TABLE app_password (
  digest  bytea  PRIMARY KEY,
  person  text   NOT NULL,
  name    text   NOT NULL,
  made_at bigint NOT NULL,
  used_on text   NOT NULL DEFAULT '',
  UNIQUE (person, name)
);
