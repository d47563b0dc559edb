"""The fault suite: what is broken on purpose, and what must hold all the same. `make torture` runs it."""
