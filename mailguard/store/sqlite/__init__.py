"""The embedded store, in one SQLite file."""

from mailguard.store.sqlite.audit_file import AuditFile
from mailguard.store.sqlite.backup import backup
from mailguard.store.sqlite.check import check
from mailguard.store.sqlite.connection import migrate
from mailguard.store.sqlite.onlooker import onlooker
from mailguard.store.sqlite.store import SqliteStore

__all__ = ["AuditFile", "SqliteStore", "backup", "check", "migrate", "onlooker"]
