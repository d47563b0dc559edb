"""The loop: one task that sleeps until something is due, and one task a claim."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailguard.clock import Clock
from mailguard.errors import ClaimLost, StoreBroken, TemporaryFailure
from mailguard.log import Log
from mailguard.metrics import Metrics
from mailguard.records import Claim
from mailguard.scheduler.attempt import Attempts
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from mailguard.tasks import Tasks, countdown

LEASE = timedelta(minutes=30)  # longer than the slowest phase of a courier (ten minutes at the final dot)
BATCH = 100
LONGEST_NAP = 60.0  # seconds: bounds what a missed wake-up or a jumping wall clock can cost
ALONE = 10.0  # seconds a suspect is carried with nothing beside it; what makes the process end does so at once
HOUSEKEEPING = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is on the wire at once."""

    total: int = 100
    per_destination: int = 20


class Scheduler:
    """One task that sleeps until `store.next_due()`, and one task a claim."""

    def __init__(
        self,
        store: Store,
        attempts: Attempts,
        clock: Clock,
        log: Log,
        metrics: Metrics,
        *,
        worker: str,
        retention: Retention,
        post_notices: Callable[[], Awaitable[int]],
        broken: Callable[[BaseException], None],
        limits: Limits | None = None,
    ) -> None:
        self._store, self._attempts, self._clock = store, attempts, clock
        self._log, self._metrics = log, metrics
        self._retention, self._post_notices, self._broken = retention, post_notices, broken
        self._limits = limits or Limits()
        self._woken = asyncio.Event()
        self._busy: Counter[str] = Counter()
        self._running: dict[int, Claim] = {}
        self._tasks = Tasks()
        self._loop_task: asyncio.Task[None] | None = None
        self._swept: datetime | None = None
        self._held_back = 0
        self._interrupted_tried = False
        self._stopping = asyncio.Event()
        self._worker = f"{worker}:{random.getrandbits(32):08x}"

    def wake(self) -> None:
        """Something changed: look again now."""
        self._woken.set()

    async def start(self) -> None:
        """Take back what an earlier process left `sending`, then begin."""
        await self._store.reclaim(self._clock.now(), everything=True)
        self._loop_task = asyncio.create_task(self._run(), name="scheduler")

    def finish(self) -> None:
        """Claim nothing more."""
        self._stopping.set()
        self.wake()

    async def stop(self, drain: float) -> None:
        """The same, and give what is on the wire `drain` seconds to end."""
        self.finish()
        left = countdown(drain)
        if self._loop_task:  # not cancelled between a claim and its attempt: the next start would call that a crash
            await asyncio.wait({self._loop_task}, timeout=left())
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
        await self._tasks.end(left())
        try:
            await self._seal(self._clock.now())
        except (TemporaryFailure, StoreBroken) as error:  # the next start does it
            self._log.failure("audit", error)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                looked_at = self._clock.now()
                if not await self._round(looked_at) and not self._stopping.is_set():
                    # failpoint: scheduler.waiting
                    await self._nap(await self._until_due(looked_at))
            except StoreBroken as error:
                self._broken(error)
                return
            except Exception as error:  # whatever it is, mail has to go on leaving
                self._log.failure("scheduler", error)
                await self._nap(1.0)

    async def _round(self, now: datetime) -> bool:
        """One look at everything that is due; True when there may be more of it at once."""
        if not self._interrupted_tried:
            await self._try_interrupted()
        # Asked for together they are one transaction, in this order; one after the other each waits for a commit.
        done = await asyncio.gather(self._expire(now), self._claim(now), self._post_notices(), return_exceptions=True)
        for error in done:
            if isinstance(error, BaseException):
                raise error
        return bool(await self._sweep(now)) or any(done)

    async def _expire(self, now: datetime) -> int:
        """How many holds came to their end, or to their half time."""
        expired = await self._store.expire(now)
        for ended in expired:
            if ended.outcome == "escalated":
                self._log.escalated(ended.queue_id, ended.rule)
            elif ended.outcome != "reminded":
                self._metrics.holds.labels(ended.outcome).inc()
                self._log.expired(ended.queue_id, ended.rule, ended.outcome)
        return len(expired)

    async def _claim(self, now: datetime) -> int:
        """Start on what is due; how many parcels that makes."""
        room = self._limits.total - len(self._tasks)
        if room <= 0 or self._stopping.is_set():
            return 0
        claims = await self._store.claim(
            self._worker, now, lease=LEASE, limit=min(room, BATCH),
            per_destination=self._limits.per_destination, skip=dict(self._busy),
        )  # fmt: skip
        self._begin(claims)
        return len(claims)

    async def _try_interrupted(self) -> None:
        """At a start after a crash, what was on the wire is tried one by one: a crash then names the mail that does it.

        One that takes long only waits for a slow server, and stops nobody: the rest begins beside it.
        """
        while not self._stopping.is_set() and (
            claims := await self._store.claim_interrupted(self._worker, self._clock.now(), lease=LEASE)
        ):
            self._begin(claims)
            until = self._clock.monotonic() + ALONE
            while self._running and not self._stopping.is_set() and (left := until - self._clock.monotonic()) > 0:
                self._woken.clear()
                await self._nap(left)
            if self._running:
                break
        self._interrupted_tried = True

    def _begin(self, claims: Sequence[Claim]) -> None:
        # failpoint: scheduler.claimed
        for claim in claims:
            self._running[claim.fence] = claim
            self._busy[claim.destination] += 1
            self._tasks.spawn(self._carry(claim))

    async def _until_due(self, looked_at: datetime) -> float:
        """What was due at the last look and was not taken has no room on the wire; what ends there wakes us."""
        due = await self._store.next_due(after=looked_at)
        if due is None:
            return LONGEST_NAP
        return min(max((due - self._clock.now()).total_seconds(), 0.0), LONGEST_NAP)

    async def _nap(self, seconds: float) -> None:
        waits = {
            asyncio.ensure_future(self._woken.wait()),
            asyncio.ensure_future(self._clock.sleep(seconds)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _sweep(self, now: datetime) -> int:
        """Now and then: give back what a crashed attempt still holds (how many copies), seal, purge what is past."""
        if self._swept and timedelta() <= now - self._swept < HOUSEKEEPING:  # not after a clock was set back
            return 0
        self._swept = now
        await self._renew(now)
        given_back = await self._store.reclaim(now)
        await self._seal(now)
        await self._store.purge(now, self._retention)
        await self._note_held_back(now)
        return given_back

    async def _note_held_back(self, now: datetime) -> None:
        """What a purge left because of a legal hold."""
        mails = await self._store.held_back(now, self._retention)
        if mails != self._held_back:
            self._held_back = mails
            self._log.held_back(mails)

    async def _seal(self, now: datetime) -> None:
        """The head goes into the log: a copy of the log outside proves that nothing was cut off the audit."""
        if seal := await self._store.seal(now):
            self._log.sealed(seal)

    async def _renew(self, now: datetime) -> None:
        """A slow server may take longer than a lease: what is still being carried stays ours."""
        for claim in list(self._running.values()):
            with contextlib.suppress(ClaimLost):  # it ended meanwhile
                await self._store.renew(claim, now, LEASE)

    async def _carry(self, claim: Claim) -> None:
        try:
            await self._attempts.carry(claim)
        except ClaimLost:
            pass  # another attempt owns it now; its outcome counts
        except StoreBroken as error:
            self._broken(error)
        except Exception as error:  # the lease gives it back; three times sets it aside
            self._log.failure("courier", error)
        finally:
            del self._running[claim.fence]
            self._busy[claim.destination] -= 1
            if not self._busy[claim.destination]:
                del self._busy[claim.destination]
            self.wake()
