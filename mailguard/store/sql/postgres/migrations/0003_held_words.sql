-- A mail is found by the rules it was held by too: those of a person's stop, of a curb, of what is not decided yet.
-- As `as_word` and the index write it: a letter for the column, and the rule's bytes in hex.
INSERT INTO word (word, mail)
SELECT DISTINCT left('l' || encode(convert_to(h.rule, 'UTF8'), 'hex'), 600), h.mail FROM hold h
    ON CONFLICT DO NOTHING;
