-- A hold that its approvers do not answer asks others as well.
ALTER TABLE hold ADD COLUMN escalate_at INTEGER;                   -- NULL when done or never
ALTER TABLE hold ADD COLUMN escalate_to TEXT NOT NULL DEFAULT '[]'; -- JSON
CREATE INDEX hold_escalation ON hold (escalate_at) WHERE resolved_at IS NULL AND frozen = 0;
