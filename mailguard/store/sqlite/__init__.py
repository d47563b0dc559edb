"""The embedded store, in one SQLite file."""

from mailguard.store.sqlite.backup import backup
from mailguard.store.sqlite.check import check
from mailguard.store.sqlite.connection import migrate
from mailguard.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "backup", "check", "migrate"]
