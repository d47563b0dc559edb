"""The embedded store, in one SQLite file."""

from mailguard.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
