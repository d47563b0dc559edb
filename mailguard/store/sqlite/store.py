"""The embedded store: one process, one file."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from mailguard.clock import Clock, SystemClock
from mailguard.errors import StoreFull, TemporaryFailure
from mailguard.records import Actor, Erasure
from mailguard.store.nodes import Node
from mailguard.store.retention import Retention
from mailguard.store.sealing import PLAIN, Keyring
from mailguard.store.sqlite import connection, epoch, failures
from mailguard.store.sqlite.connection import Connection
from mailguard.store.sqlite.readers import Readers
from mailguard.store.sqlite.reserve import Reserve
from mailguard.store.sqlite.writer import Writer
from mailguard.store.verbs import bodies, pause
from mailguard.store.verbs.store import Verbs

T = TypeVar("T")

MERGED = 50  # pages of the index of words in one transaction, so that mail coming in does not wait long


class SqliteStore(Verbs):
    """`base.Store` in one SQLite file.

    `on_broken` is called once, on the loop that opened it, when the file can't be trusted any more: stop the service.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        on_broken: Callable[[BaseException], None] | None = None,
        keys: Keyring = PLAIN,
    ) -> None:
        self._keys = keys
        self.path = Path(path)
        self._folder = str(self.path.parent)
        self.on_broken = on_broken
        self.paused = ""
        self._doubted = False  # it may be a copy: then nobody is told anything either
        self._epoch = epoch.Epoch(self.path)
        self._clock = clock or SystemClock()
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._lock: int | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()

        def broken(error: BaseException) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to stop
                loop.call_soon_threadsafe(self._tell_broken, error)

        await asyncio.to_thread(self._open, broken)

    def _open(self, broken: Callable[[BaseException], None]) -> None:
        connection.prepare(self.path)
        self._lock = connection.lock(self.path)
        reserve = Reserve(self.path)
        try:
            db = self._connect(reserve)
        except BaseException:
            self._unlock()
            raise
        self._writer = Writer(db, self._clock, self._epoch, broken, reserve)
        self._readers = Readers(self.path, self._writer.stop, self._keys)

    def _connect(self, reserve: Reserve) -> Connection:
        """On a disk that is full already, what was accepted leaves all the same: from the reserve."""
        try:
            db = self._watched()
        except connection.NoRoomError:
            if not reserve.spend():
                raise
            return self._watched()
        reserve.keep()
        return db

    def _watched(self) -> Connection:
        db = connection.connect_writer(self.path)
        db.keys = self._keys
        try:
            bodies.refuse_unknown(db)
            doubt = epoch.watch(db, self._epoch, self._clock.now())
            self._doubted, self.paused = bool(doubt), doubt or pause.reason(db)
        except BaseException as error:
            failures.look_closer(error, self.path)
            connection.release(db, error)
            if isinstance(error, failures.ERRORS):
                raise connection.refusal(self.path, error) from error
            raise
        return db

    def _tell_broken(self, error: BaseException) -> None:
        if self.on_broken is not None:
            self.on_broken(error)

    async def close(self) -> None:
        writer, readers = self._writer, self._readers
        self._writer = self._readers = None
        if writer is None or readers is None:
            return
        # The writer last: whoever closes last does the checkpoint, and only the writer may.
        await asyncio.to_thread(readers.close, broken=writer.broken)
        await asyncio.to_thread(writer.close)
        self._epoch.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _write(self, work: Callable[[Connection], T], *, size: int = 0, new_mail: bool = False) -> T:
        return cast(T, await self._open_writer().run(work, size=size, new_mail=new_mail))

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise TemporaryFailure("the store is closed")
        return self._writer

    async def _look(self, look: Callable[[Connection], T]) -> T:
        if self._readers is None:
            raise TemporaryFailure("the store is closed")
        return await self._readers.run(look)

    # --- a store that may be a copy ---

    async def nodes(self) -> list[Node]:
        return []  # the file is this process's alone

    @property
    def at_work(self) -> int:
        return 1

    async def say(self, about: Mapping[str, str]) -> None: ...

    async def secret(self) -> bytes:
        return secrets.token_bytes(32)

    def watch(self, changed: Callable[[], None], gone: Callable[[], None]) -> None: ...

    async def resume(self, *, by: Actor, now: datetime) -> bool:
        if not self.paused:
            return False
        begun = await self._write(partial(epoch.resume, by=by, now=now, afresh=self._doubted))
        if begun is not None:
            try:
                await asyncio.to_thread(self._epoch.begin, *begun)
            except OSError as error:
                why = f"{self._epoch.path} can't be written ({error.strerror}); sending stays paused"
                raise StoreFull(why) from error
        self.paused, self._doubted = "", False
        return True

    # --- keeping house ---

    async def purge(self, now: datetime, keep: Retention) -> int:
        done = await super().purge(now, keep)
        if self._writer is not None:
            await self._writer.truncate()
        return done

    async def erase(self, person: str, *, by: Actor, now: datetime, dry_run: bool = False) -> Erasure:
        what = await super().erase(person, by=by, now=now, dry_run=dry_run)
        if not dry_run and self._writer is not None:
            await self._writer.truncate()
        return what

    async def _forget_words(self) -> None:
        if await self._write(partial(_merge_words, pages=-MERGED)):
            while await self._write(partial(_merge_words, pages=MERGED)):
                pass

    @property
    def reserve_spent(self) -> bool:
        return self._writer is not None and self._writer.reserve_spent

    async def free_bytes(self) -> int | None:
        try:
            disk = os.statvfs(self._folder)  # for every mail, which is why it is no shutil.disk_usage
        except OSError:
            return None
        return disk.f_frsize * disk.f_bavail


def _merge_words(db: Connection, *, pages: int) -> bool:
    """Whether there was anything to do (sqlite.org/fts5.html#the_merge_command)."""
    before = db.total_changes
    db.run("forget_words", (pages,))
    return db.total_changes - before > 1  # the command itself is one
