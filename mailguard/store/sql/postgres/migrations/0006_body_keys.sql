-- Bodies encrypted at rest: which key from outside ('' for none), and the mail's own key under that one, in base64.
ALTER TABLE mail ADD COLUMN key_id text NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN body_key text NOT NULL DEFAULT '';
CREATE INDEX mail_by_key ON mail (key_id, id) WHERE purged_at IS NULL;
