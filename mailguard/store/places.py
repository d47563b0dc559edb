"""The store that `store:` names, for the service and for every other process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from mailguard.errors import ConfigError
from mailguard.records import Span
from mailguard.store.base import Store
from mailguard.store.sealing import PLAIN
from mailguard.store.settings import EncryptionSettings, is_postgres, sqlite_path
from mailguard.store.sqlite.place import SqlitePlace
from mailguard.store.verbs.check import Progress
from mailguard.store.verbs.questions import Questions


class Audit(Protocol):
    """The record, read by another process than the service's. `given` is the last number given to an event."""

    given: int

    def spans(self) -> Iterator[Span]:
        """All of it in order; `given` is known from the first on."""
        ...


class Place(Protocol):
    """Where a store is. All but `store` may be asked beside a running service; ConfigError says why not."""

    @property
    def name(self) -> str:
        """As it is shown to people."""
        ...

    def store(self, on_broken: Callable[[BaseException], None]) -> Store: ...

    def onlooker(self) -> AbstractAsyncContextManager[Questions]: ...

    def audit(self) -> Audit: ...

    def check(self, progress: Progress) -> Iterator[str]:
        """One line a finding, none when all is well."""
        ...

    def migrate(self) -> tuple[int, int]:
        """(schema before, schema now)"""
        ...

    def backup(self, target: Path, progress: Progress, /, *, renew: bool = False) -> None: ...


def place(url: str, encryption: EncryptionSettings | None = None) -> Place:
    """Raises ConfigError when it needs what is not installed, or a key is none."""
    keys = encryption.keys() if encryption else PLAIN
    if not is_postgres(url):
        return SqlitePlace(sqlite_path(url), keys)
    try:
        from mailguard.store.postgres.place import PostgresPlace
    except ModuleNotFoundError as error:
        if error.name not in ("asyncpg", "greenlet"):
            raise
        raise ConfigError(
            f"a store in PostgreSQL needs {error.name}, which is not installed: pip install 'mailguard[postgres]'"
        ) from error
    return PostgresPlace(url, keys)
