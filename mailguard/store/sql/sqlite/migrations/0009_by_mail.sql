-- Some holds may be answered by mail too.

ALTER TABLE hold ADD COLUMN by_mail INTEGER NOT NULL DEFAULT 0;
