-- What waits for people is little among very much that waits for its time: it is found by itself.
CREATE INDEX hold_open ON hold (mail) WHERE resolved_at IS NULL;
CREATE INDEX delivery_held ON delivery (mail) WHERE state = 'held';
