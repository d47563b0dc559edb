"""A few connections write. What waits for one goes into one transaction (group commit), and its callers hear after it.

A connection lost during COMMIT says nothing about what became of it. So each transaction has a row of its own in
`committed`, and that is asked: whoever asks writes the same row, and the database lets only one of the two be.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from mailguard.clock import Clock, SystemClock
from mailguard.errors import TemporaryFailure
from mailguard.store.postgres import failures
from mailguard.store.postgres.bridge import plainly
from mailguard.store.postgres.connection import SQL, Connection
from mailguard.store.verbs.codec import micros

Work = Callable[[Connection], Any]
Connect = Callable[[], Awaitable[Connection]]
Orphaned = Callable[[Work], None]

_REAL = SystemClock()  # the database waits by no other
_LANES = 4
_TOGETHER = 64  # at most so many in one transaction, so that the first does not wait for ever,
_TOGETHER_BYTES = 8 << 20  # and not much more than so many bytes
_MOST = 10_000  # wait at most: more would wait in vain, their clients are gone by then
_TRIES = 8  # of a transaction that others got in the way of
_ASK_SECONDS = 15.0  # how long a caller waits to hear what became of a COMMIT
_ASK_ON_SECONDS = 3600.0  # and how long it is asked for after that
# In one message to the server; both values are our own.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; INSERT INTO committed (id, at) VALUES ('{name}', {at})"
_NEVER = -1  # `committed.at` of a transaction that may not happen any more


@dataclass(slots=True, eq=False)
class _Job:
    work: Work
    future: "asyncio.Future[Any]"
    size: int
    result: Any = None


class _Unknown(Exception):
    """The connection was lost during COMMIT."""


class _NotTold(TemporaryFailure):
    """And nobody says what became of it: nothing of it may be tried again."""


class Lanes:
    """Runs work on connections that write. `orphaned` hears of work that was committed and whose caller was told no."""

    def __init__(self, connect: Connect, clock: Clock, orphaned: Orphaned, lanes: int = _LANES) -> None:
        self._connect, self._clock, self._orphaned = connect, clock, orphaned
        self._waiting: deque[_Job] = deque()
        self._idle: list[Connection] = []  # the one used last is taken first: it knows most statements
        self._lanes = lanes
        self._running: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._closing = False

    async def run(self, work: Work, size: int = 0) -> Any:
        """Run `work(db)`, which writes about `size` bytes, in a transaction; return once it is committed."""
        if self._closing:
            raise TemporaryFailure("the store is closing")
        if len(self._waiting) >= _MOST:
            raise TemporaryFailure("the store is busy, try again later")
        job = _Job(work, asyncio.get_running_loop().create_future(), size)
        self._waiting.append(job)
        if len(self._running) < self._lanes:
            lane = asyncio.create_task(self._lane())
            self._running.add(lane)
            lane.add_done_callback(self._running.discard)
        return await job.future

    async def close(self) -> None:
        """Finish what waits, then end."""
        self._closing = True
        while self._running:
            await asyncio.wait(self._running)
        for task in self._asking:
            task.cancel()
        for db in self._idle:
            await drop(db)

    async def _lane(self) -> None:
        db = self._idle.pop() if self._idle else None
        while jobs := self._next():
            db = await self._serve(db, jobs)
        if db is not None:
            self._idle.append(db)

    def _next(self) -> list[_Job]:
        jobs: list[_Job] = []
        size = 0
        while self._waiting and len(jobs) < _TOGETHER and size < _TOGETHER_BYTES:
            jobs.append(self._waiting.popleft())
            size += jobs[-1].size
        return jobs

    async def _serve(self, db: Connection | None, jobs: Sequence[_Job]) -> Connection | None:
        """All of them together; each by itself when that fails. The connection, None when it is of no use any more."""
        try:
            db = await self._commit(db, jobs)
        except Exception as error:
            if len(jobs) == 1 or isinstance(error, _NotTold) or failures.gone(error):
                _fail(jobs, error)
                return await kept(db, error)
            db = await kept(db, error)
            for job in jobs:
                db = await self._serve(db, [job])
        else:
            for job in jobs:
                if not job.future.done():  # else the caller was cancelled; what it asked for happened all the same
                    job.future.set_result(job.result)
        return db

    async def _commit(self, db: Connection | None, jobs: Sequence[_Job]) -> Connection:
        fresh = db is None
        for tries in range(_TRIES):
            name = secrets.token_hex(16)
            try:
                db = db or await self._connect()
                await self._transaction(db, name, jobs)
            except _Unknown as lost:
                await drop(db)
                db = await self._told(name, jobs, lost)
                if db is not None:
                    return db
                fresh = True  # it did not happen: once more
            except failures.ERRORS as error:
                if failures.gone(error):
                    await drop(db)
                    if fresh:
                        raise
                    db, fresh = None, True  # it was idle, and is gone by now: a new one tells
                elif not failures.anew(error) or len(jobs) > 1:
                    await _drop_if(db, fresh)
                    raise
                else:
                    await _REAL.sleep(secrets.randbelow(20) / 1000 * (tries + 1))
            except BaseException:
                await _drop_if(db, fresh)
                raise
            else:
                return db
        await _drop_if(db, fresh)
        raise TemporaryFailure("the store is busy, try again later")

    async def _transaction(self, db: Connection, name: str, jobs: Sequence[_Job]) -> None:
        at = micros(self._clock.now())
        await db.raw.execute(_BEGIN.format(name=name, at=at))
        try:
            for job in jobs:
                job.result = await plainly(lambda job=job: job.work(db))  # type: ignore[misc]
        except BaseException as error:
            if not failures.gone(error):
                await db.raw.execute("ROLLBACK")
            raise
        try:
            # failpoint: lanes.committing
            await db.raw.execute("COMMIT")
        except failures.ERRORS as error:
            if failures.gone(error):
                raise _Unknown from error
            raise
        # failpoint: lanes.committed

    async def _told(self, name: str, jobs: Sequence[_Job], lost: Exception) -> Connection | None:
        """A connection when it was committed, None when it never will be; _NotTold when it can't be told."""
        asking = asyncio.create_task(self._ask(name))
        try:
            db, happened = await asyncio.wait_for(asyncio.shield(asking), _ASK_SECONDS)
        except (TimeoutError, *failures.ERRORS):
            later = asyncio.create_task(self._hear_later(asking, [job.work for job in jobs]))
            self._asking.add(later)
            later.add_done_callback(self._asking.discard)
            raise _NotTold("the database can't be reached, try again later") from lost
        if happened:
            return db
        await drop(db)
        return None

    async def _ask(self, name: str) -> tuple[Connection, bool]:
        """Whether it was committed; from now on it will not be, if it was not."""
        until = _REAL.monotonic() + _ASK_ON_SECONDS
        while True:
            db = None
            try:
                db = await self._connect()
                await db.raw.execute(SQL["committing"], name, _NEVER)
                at = await db.raw.fetchval(SQL["committed"], name)
            except failures.ERRORS:
                await drop(db)
                if self._closing or _REAL.monotonic() > until:
                    raise
                await _REAL.sleep(0.2)
            else:
                return db, at != _NEVER

    async def _hear_later(self, asking: "asyncio.Task[tuple[Connection, bool]]", works: Sequence[Work]) -> None:
        """Who was told that it failed may do it again: what was done all the same is taken back."""
        with contextlib.suppress(Exception):
            db, happened = await asking
            await drop(db)
            if happened:
                for work in works:
                    self._orphaned(work)


def _fail(jobs: Sequence[_Job], error: BaseException) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(failures.translate(error))


async def kept(db: Connection | None, error: BaseException) -> Connection | None:
    """The connection, if it may be used after this error."""
    if db is not None and (failures.gone(error) or db.raw.is_closed() or db.raw.is_in_transaction()):
        await drop(db)
        return None
    return db


async def _drop_if(db: Connection | None, fresh: bool) -> None:
    """Whoever asked for a transaction knows of no connection that was made for it."""
    if fresh:
        await drop(db)


async def drop(db: Connection | None) -> None:
    """Without a word to the server where that would take long."""
    if db is not None:
        with contextlib.suppress(*failures.ERRORS, asyncpg.PostgresError):
            await db.raw.close(timeout=1)
