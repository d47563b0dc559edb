"""Looking does not wait for writing: a few threads with their own connections, which see what was committed last."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from mailguard.errors import StoreBroken
from mailguard.store.sealing import Keyring
from mailguard.store.sqlite import failures
from mailguard.store.sqlite.connection import Connection, abandon, connect_reader

T = TypeVar("T")
_THREADS = 2


class Readers:
    """A small pool of query-only connections."""

    def __init__(self, path: Path, on_broken: Callable[[Exception], None], keys: Keyring) -> None:
        self._path = path
        self._on_broken = on_broken
        self._keys = keys
        self._local = threading.local()
        self._open: list[Connection] = []
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="mailguard-look")

    async def run(self, look: Callable[[Connection], T]) -> T:
        """Run `look(db)` on one snapshot of the database."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._look, look)

    def _look(self, look: Callable[[Connection], T]) -> T:
        try:
            db = self._connection()
            db.execute("BEGIN")
            try:
                return look(db)
            finally:
                db.execute("ROLLBACK")
        except (*failures.ERRORS, StoreBroken) as error:
            if failures.breaks(error):
                self._on_broken(error)
            raise failures.translate(error) from error

    def _connection(self) -> Connection:
        db: Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = connect_reader(self._path)
            db.keys = self._keys
            self._open.append(db)
        return db

    def close(self, *, broken: bool = False) -> None:
        """Blocks until the last look is over. `broken`: the file is left alone."""
        self._pool.shutdown()
        for db in self._open:
            if broken:
                abandon(db)
            else:
                db.close()
