-- Which mails carry a file, the newest first: a copy that went to the wrong place is looked for by what it is.
CREATE INDEX carried_by_file ON carried (digest, mail);
