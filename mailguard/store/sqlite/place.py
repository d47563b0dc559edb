"""A SQLite file, as `store.places` has it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from mailguard.store.sealing import Keyring
from mailguard.store.sqlite.audit_file import AuditFile
from mailguard.store.sqlite.backup import backup
from mailguard.store.sqlite.check import check
from mailguard.store.sqlite.connection import migrate
from mailguard.store.sqlite.onlooker import onlooker
from mailguard.store.sqlite.store import SqliteStore
from mailguard.store.verbs.check import Progress
from mailguard.store.verbs.questions import Questions


class SqlitePlace:
    """As `places.Place`."""

    def __init__(self, path: Path, keys: Keyring) -> None:
        self.path, self._keys = path, keys

    @property
    def name(self) -> str:
        return str(self.path)

    def store(self, on_broken: Callable[[BaseException], None]) -> SqliteStore:
        return SqliteStore(self.path, on_broken=on_broken, keys=self._keys)

    def onlooker(self) -> AbstractAsyncContextManager[Questions]:
        return onlooker(self.path, self._keys)

    def audit(self) -> AuditFile:
        return AuditFile(self.path)

    def check(self, progress: Progress) -> Iterator[str]:
        return check(self.path, progress, self._keys)

    def migrate(self) -> tuple[int, int]:
        return migrate(self.path)

    def backup(self, target: Path, progress: Progress, *, renew: bool = False) -> None:
        backup(self.path, target, progress, renew=renew)
