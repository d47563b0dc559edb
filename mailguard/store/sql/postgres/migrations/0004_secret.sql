-- What all processes prove to one another that a form came from one of their pages. SQLite has one process, which keeps its own.
CREATE TABLE secret (
  one   boolean PRIMARY KEY CHECK (one),
  value text    NOT NULL
);
