-- SHA-256 of a fork's own bytes, by which it is known when it comes again; NULL: they are the mail's.
ALTER TABLE envelope ADD COLUMN digest BLOB;
