-- What one rule held is found without looking at all holds there ever were.
CREATE INDEX hold_by_rule ON hold (rule, mail);
