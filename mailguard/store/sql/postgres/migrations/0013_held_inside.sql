-- A legal hold covers mail that only names its person, too: To or Cc say that they got it past mailguard.
DROP VIEW held_mail;
CREATE VIEW held_mail AS
SELECT m.id FROM mail m
 WHERE EXISTS (SELECT 1 FROM legal_hold legal
                WHERE legal.person IN ('*', m.sender_key, m.answers_key)
                   OR EXISTS (SELECT 1 FROM delivery d WHERE d.mail = m.id AND d.address_key = legal.person)
                   OR (m.inside <> '[]' AND strpos(lower(m.inside), '"' || legal.person || '"') > 0));
