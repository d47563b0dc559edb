"""Looking does not wait for writing: a few connections of its own, each look on one state of the database."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from mailguard.errors import TemporaryFailure
from mailguard.store.postgres import failures
from mailguard.store.postgres.bridge import plainly
from mailguard.store.postgres.connection import Connection
from mailguard.store.postgres.lanes import Connect, drop, kept

T = TypeVar("T")
_MOST = 4
_WAIT_SECONDS = 20.0  # for a connection: then whoever asks hears that it is busy


class Lookers:
    """A small pool of connections that only read."""

    def __init__(self, connect: Connect, most: int = _MOST) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._room = asyncio.Semaphore(most)
        self._closed = False

    async def run(self, look: Callable[[Connection], T]) -> T:
        """Run `look(db)` on one snapshot; once more, on a new connection, when the one that was there is gone."""
        if self._closed:
            raise TemporaryFailure("the store is closed")
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            raise TemporaryFailure("the store is busy, try again later") from None
        try:
            db = self._idle.pop() if self._idle else None
            if db is not None:
                try:
                    return await self._look(db, look)
                except failures.ERRORS as error:
                    if not failures.gone(error):
                        raise
            return await self._look(await self._connect(), look)
        except failures.ERRORS as error:
            raise failures.translate(error) from error
        finally:
            self._room.release()

    async def _look(self, db: Connection, look: Callable[[Connection], T]) -> T:
        try:
            await db.raw.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = await plainly(partial(look, db))
            await db.raw.execute("ROLLBACK")
        except BaseException as error:
            if not failures.gone(error) and not db.raw.is_closed():
                await db.raw.execute("ROLLBACK")
            if (usable := await kept(db, error)) is not None:
                self._idle.append(usable)
            raise
        self._idle.append(db)
        return found

    async def close(self) -> None:
        self._closed = True
        for db in self._idle:
            await drop(db)
