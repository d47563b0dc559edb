-- What a hold's reason is made of, so that everybody reads it in their own language; '' where it is as somebody wrote it.
ALTER TABLE hold ADD COLUMN said TEXT NOT NULL DEFAULT ''; -- JSON, as `locale.saying.dump`
