-- Mail is found by its words, whatever field they stand in. One index of words costs a mail coming in less than one index a
-- field, and several fields asked for together are answered from it alone. What is found whole or by its beginning (an address,
-- a rule, a Message-ID) is one word in it: its bytes in hex. As several words it would be found by what all mail has.
CREATE VIRTUAL TABLE word USING fts5 (
  sender,                                   -- address, its domain, login
  recipients,                               -- addresses, also those a rule added
  domains,                                  -- of the recipients
  subject,                                  -- words
  files,                                    -- words of their names
  rules,                                    -- ids of those that matched, audit rules too
  message_id,
  tokenize = "unicode61 remove_diacritics 2",
  detail = column,                          -- no phrases are asked for, and nothing is ranked: less to write
  columnsize = 0
);
CREATE TRIGGER mail_unfindable AFTER DELETE ON mail
BEGIN
  DELETE FROM word WHERE rowid = OLD.id;
END;

-- What a mail is found by. The domain is what stands behind the last @: all before it is trimmed off, and counted.
CREATE VIEW findable AS
SELECT m.id,
       hex(m.sender_key) || ' ' || hex(lower(m.login)) || ' '
         || hex(substr(m.sender_key, length(rtrim(m.sender_key, replace(m.sender_key, '@', ''))) + 1)) AS sender,
       (SELECT group_concat(hex(d.address_key), ' ') FROM delivery d WHERE d.mail = m.id) AS recipients,
       (SELECT group_concat(hex(substr(d.address_key, length(rtrim(d.address_key, replace(d.address_key, '@', ''))) + 1)), ' ')
          FROM delivery d WHERE d.mail = m.id) AS domains,
       m.subject,
       (SELECT group_concat(json_extract(f.value, '$[0]'), ' ') FROM json_each(m.attachments) f) AS files,
       (SELECT group_concat(hex(json_extract(hit.value, '$[0]')), ' ')
          FROM version v, json_each(v.hits) hit WHERE v.mail = m.id AND v.number = m.version) AS rules,
       hex(m.message_id) AS message_id
  FROM mail m;
INSERT INTO word (rowid, sender, recipients, domains, subject, files, rules, message_id)
SELECT id, sender, recipients, domains, subject, files, rules, message_id FROM findable ORDER BY id;

-- Mails of which a copy failed or was cancelled are few among those that were sent.
CREATE INDEX delivery_unsent ON delivery (state, mail) WHERE state IN ('failed', 'cancelled');
