-- A mail is found by the rules it was held by too: those of a person's stop, of a curb, of what is not decided yet.
DROP VIEW findable;
CREATE VIEW findable AS
SELECT m.id,
       hex(m.sender_key) || ' ' || hex(lower(m.login)) || ' '
         || hex(substr(m.sender_key, length(rtrim(m.sender_key, replace(m.sender_key, '@', ''))) + 1)) AS sender,
       (SELECT group_concat(hex(d.address_key), ' ') FROM delivery d WHERE d.mail = m.id) AS recipients,
       (SELECT group_concat(hex(substr(d.address_key, length(rtrim(d.address_key, replace(d.address_key, '@', ''))) + 1)), ' ')
          FROM delivery d WHERE d.mail = m.id) AS domains,
       m.subject,
       (SELECT group_concat(json_extract(f.value, '$[0]'), ' ') FROM json_each(m.attachments) f) AS files,
       coalesce((SELECT group_concat(hex(json_extract(hit.value, '$[0]')), ' ')
                   FROM version v, json_each(v.hits) hit WHERE v.mail = m.id AND v.number = m.version), '') || ' '
         || coalesce((SELECT group_concat(hex(h.rule), ' ') FROM hold h WHERE h.mail = m.id), '') AS rules,
       hex(m.message_id) AS message_id
  FROM mail m;

-- Of the mails there are, those that a hit does not find already.
CREATE TEMP TABLE anew AS
SELECT DISTINCT h.mail FROM hold h JOIN mail m ON m.id = h.mail
 WHERE NOT EXISTS (SELECT 1 FROM version v, json_each(v.hits) hit
                    WHERE v.mail = m.id AND v.number = m.version AND json_extract(hit.value, '$[0]') = h.rule);
DELETE FROM word WHERE rowid IN (SELECT mail FROM anew);
INSERT INTO word (rowid, sender, recipients, domains, subject, files, rules, message_id)
SELECT id, sender, recipients, domains, subject, files, rules, message_id FROM findable WHERE id IN (SELECT mail FROM anew);
DROP TABLE anew;
