"""LDAP → people: a directory is asked in the background, and what it said last is kept while it is silent."""
