"""One thread owns the one connection that writes. What waits for it goes into one transaction (group commit).

A caller's result is delivered after the COMMIT returned, so after its fsync. One that fails spoils no other: then the
transaction is undone and done again, with a savepoint for each. Cancelling a caller cancels nothing here.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mailguard.clock import Clock
from mailguard.errors import StoreFull, TemporaryFailure
from mailguard.store.sqlite import connection, failures
from mailguard.store.sqlite.connection import Connection
from mailguard.store.sqlite.epoch import Epoch, mark
from mailguard.store.sqlite.reserve import Reserve

Work = Callable[[Connection], Any]

_TOGETHER = 256  # at most so many in one transaction, so that the first does not wait for ever,
_TOGETHER_BYTES = 8 << 20  # and not much more than so many bytes, so that the log stays small
_CHECKPOINT_SECONDS = 60.0
# What the log grows by besides a mail's own bytes, measured: a commit touches some 24 pages of tables and indexes.
_COMMIT_BYTES, _JOB_BYTES = 192 << 10, 24 << 10
_ROOM_SECONDS = 10.0  # between two looks whether a full disk has room again


@dataclass(slots=True, eq=False)
class _Job:
    work: Work
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    size: int = 0
    new_mail: bool = False
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs work on the write connection, in order. `on_broken` is called once, in the writer's thread."""

    def __init__(
        self, db: Connection, clock: Clock, epoch: Epoch, on_broken: Callable[[BaseException], None],
        reserve: Reserve,
    ) -> None:  # fmt: skip
        self._db = db
        self._epoch = epoch
        self._reserve = reserve
        self._clock = clock
        self._on_broken = on_broken
        self._broken: Exception | None = None
        self._waiting: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._truncate_wanted = False
        self._truncated_at = float("-inf")
        self._truncate_askers: list[_Job] = []
        self._looked_for_room = float("-inf")
        # Bytes in the log, about. We count ourselves and do not leave it to SQLite's automatic checkpoint: that one
        # says nothing when its write or its fsync fails, and knows nothing of the reserve.
        self._logged = 0
        self._thread = threading.Thread(target=self._run, name="mailguard-store", daemon=True)
        self._thread.start()

    async def run(self, work: Work, *, size: int = 0, new_mail: bool = False) -> Any:
        """Run `work(db)`, which writes about `size` bytes, in a transaction; return once it is on disk.

        On a full disk `new_mail` is refused and all else has the reserve. Errors as the store's protocol says.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), loop, size, new_mail)
        with self._wake:
            if self._broken is not None:
                raise failures.translate(self._broken)
            if self._closing:
                raise TemporaryFailure("the store is closing")
            self._waiting.append(job)
            self._wake.notify()
        return await job.future

    async def truncate(self) -> None:
        """Empty the write-ahead log: it still has what was deleted. At most once a minute, else it is done later."""
        loop = asyncio.get_running_loop()
        job = _Job(_nothing, loop.create_future(), loop)
        with self._wake:
            self._truncate_wanted = True
            if self._closing or not self._may_truncate():
                return
            self._truncate_askers.append(job)
            self._wake.notify()
        await job.future

    @property
    def broken(self) -> bool:
        """Whether the file can't be trusted any more."""
        return self._broken is not None

    @property
    def reserve_spent(self) -> bool:
        """Whether the room kept for a full disk is gone, and new mail refused until it is there again."""
        return not self._reserve.there

    def close(self) -> None:
        """Finish what waits, then close the connection (its last checkpoint empties the log). Blocks."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        if self.broken:
            connection.abandon(self._db)
        else:
            self._db.close()

    # --- in the thread ---

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._waiting or self._closing or self._may_truncate()):
                    self._wake.wait(timeout=_CHECKPOINT_SECONDS if self._truncate_wanted else None)
                jobs = self._next()
            if jobs:
                self._commit(jobs)
                _deliver(jobs)
                jobs.clear()  # a mail's bytes do not wait here for the next job
            elif self._closing:
                return
            if self._may_truncate():
                self._truncate()
            elif self._logged >= self._reserve.size // 2:
                self._checkpoint("PASSIVE")

    def _next(self) -> list[_Job]:
        jobs: list[_Job] = []
        size = 0
        while self._waiting and len(jobs) < _TOGETHER and size < _TOGETHER_BYTES:
            jobs.append(self._waiting.popleft())
            size += jobs[-1].size
        return jobs

    def _commit(self, jobs: Sequence[_Job]) -> None:
        if self._broken is not None:
            self._fail(jobs, self._broken)
            return
        free = self._reserve.free() if any(job.new_mail for job in jobs) else 0
        wanted = [job for job in jobs if self._admits(job, free)]
        self._logged += _COMMIT_BYTES
        if not self._smoothly(wanted) and not self._together(wanted):
            self._each(wanted)  # the transaction as a whole was lost: see which of them fit by themselves
        if starved := [job for job in wanted if isinstance(job.error, StoreFull) and not job.new_mail]:
            self._reserve.spend()
            self._checkpoint("PASSIVE")  # with that room; then the log begins anew, in the space that it has
            self._each(starved)

    def _admits(self, job: _Job, free: int) -> bool:
        """False: this is new mail, and there is no room in these free bytes, or the reserve is not there again.

        Room is twice its size: it goes into the log, and from there into the database, as all that is in the log.
        """
        after = self._logged + _COMMIT_BYTES + _JOB_BYTES + job.size
        if job.new_mail and not (self._has_reserve() and self._reserve.has_room(after + job.size, free)):
            job.error = failures.full()
            return False
        self._logged += _JOB_BYTES + job.size
        return True

    def _has_reserve(self) -> bool:
        now = self._clock.monotonic()
        if not self._reserve.there and now - self._looked_for_room >= _ROOM_SECONDS:
            self._looked_for_room = now
            self._reserve.keep()
        return self._reserve.there

    def _each(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            self._together([job], last=True)

    def _smoothly(self, jobs: Sequence[_Job]) -> bool:
        """One transaction in which nothing fails, as nearly always. False: something did, and none of it happened.

        A savepoint for each would be four statements beside some twenty-five that a mail takes, and four handovers of
        the GIL.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for job in jobs:
                job.result, job.error = job.work(self._db), None
            self._end()
        except Exception as error:
            self._undo(error)
            if not failures.breaks(error):
                return False  # it is found again, and told, the second time
            self._fail(jobs, error)
        return True

    def _together(self, jobs: Sequence[_Job], *, last: bool = False) -> bool:
        """One transaction of all jobs. False: it was lost and none of them happened (never when `last`)."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._one(job)
            self._end()
        except Exception as error:
            self._undo(error)
            if not last and failures.one_by_one(error):
                return False
            self._fail(jobs, error)
        return True

    def _undo(self, error: Exception) -> None:
        failures.look_closer(error, self._reserve.database)
        with contextlib.suppress(sqlite3.Error):
            self._db.rollback()

    def _end(self) -> None:
        reached = mark(self._db)
        # failpoint: store.committing
        self._db.execute("COMMIT")
        # failpoint: store.committed
        self._epoch.reached(reached)

    def _one(self, job: _Job) -> None:
        self._db.execute("SAVEPOINT one")
        job.error = None
        try:
            job.result = job.work(self._db)
            self._db.execute("RELEASE one")
        except Exception as error:
            if not self._db.in_transaction or failures.breaks(error):
                raise  # SQLite took the whole transaction back, or can't be trusted with the others
            self._db.execute("ROLLBACK TO one")
            self._db.execute("RELEASE one")
            job.error = failures.translate(error)

    def _fail(self, jobs: Sequence[_Job], error: Exception) -> None:
        if failures.breaks(error):
            self.stop(error)
        for job in jobs:
            job.error = failures.translate(error)

    def stop(self, error: Exception) -> None:
        """The file can't be trusted: nothing is done with it from now on, and the service hears of it, once."""
        with self._wake:
            first, self._broken = self._broken is None, self._broken or error
        if first:
            self._on_broken(error)

    def _may_truncate(self) -> bool:
        rested = self._clock.monotonic() - self._truncated_at >= _CHECKPOINT_SECONDS
        return self._truncate_wanted and rested and self._broken is None

    def _truncate(self) -> None:
        self._truncated_at = self._clock.monotonic()
        # failpoint: store.checkpointing
        self._truncate_wanted = not self._checkpoint("TRUNCATE")  # a reader was looking: again in a minute
        with self._wake:
            askers, self._truncate_askers = self._truncate_askers, []
        _deliver(askers)

    def _checkpoint(self, how: str) -> bool:
        """Bring the log into the database. False: not all of it (a reader looks, or the disk is full)."""
        self._logged = 0
        try:
            return not self._db.execute(f"PRAGMA wal_checkpoint({how})").fetchone()[0]
        except failures.ERRORS as error:
            failures.look_closer(error, self._reserve.database)
            self._fail([], error)
            return False


def _nothing(db: Connection) -> None:
    """What is asked for when only the log is to be emptied."""


def _deliver(jobs: Sequence[_Job]) -> None:
    """Wake the callers: one call a loop, however many they are."""
    for loop in {job.loop for job in jobs}:
        with contextlib.suppress(RuntimeError):  # that loop was closed: nobody listens
            loop.call_soon_threadsafe(_finish, [job for job in jobs if job.loop is loop])


def _finish(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.future.done():  # the caller was cancelled; what it asked for happened all the same
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)
