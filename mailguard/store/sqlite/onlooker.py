"""The store as another process sees it, which may only look: beside the running service, or without one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from mailguard.errors import ConfigError, StoreBroken
from mailguard.store.sealing import PLAIN, Keyring
from mailguard.store.sqlite import failures
from mailguard.store.sqlite.connection import Connection, connect_onlooker, refusal, schema
from mailguard.store.statements import migrations
from mailguard.store.verbs.bodies import refuse_unknown
from mailguard.store.verbs.questions import Questions

T = TypeVar("T")


class Onlooker(Questions):
    """Each question is a look at what was committed last."""

    def __init__(self, path: Path, db: Connection) -> None:
        self._path, self._db = path, db

    async def _look(self, look: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._read, look)

    def _read(self, look: Callable[[Connection], T]) -> T:
        try:
            self._db.execute("BEGIN")
            try:
                return look(self._db)
            finally:
                self._db.execute("ROLLBACK")
        except failures.ERRORS as error:
            raise refusal(self._path, error) from error
        except StoreBroken as error:
            raise ConfigError(f"{self._path}: {error}; `mailguard db check` says where") from error


@asynccontextmanager
async def onlooker(path: Path, keys: Keyring = PLAIN) -> AsyncIterator[Onlooker]:
    """Raises ConfigError when there is no store, one of another version, or mail in it that no key opens."""
    with opened(path) as db:
        db.keys = keys
        refuse_unknown(db)
        yield Onlooker(path, db)


@contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """A connection that may only look. Raises ConfigError when there is no store, or one of another version."""
    db = connect_onlooker(path)
    try:
        if (there := schema(db)) != (known := migrations("sqlite")[-1][0]):
            raise ConfigError(f"{path} has schema {there}, this mailguard reads {known}: `mailguard db migrate`")
        yield db
    finally:
        db.close()
