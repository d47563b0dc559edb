-- What one rule held is found without looking at all holds there ever were: SQLite's 0015.
CREATE INDEX hold_by_rule ON hold (rule, mail);
