"""Failed logins in the audit: all are counted there, and a guesser can't fill the disk with them."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from mailguard.clock import Clock
from mailguard.notices.words import clean
from mailguard.records import Actor
from mailguard.store.base import Store
from mailguard.tasks import Tasks

SPAN = timedelta(minutes=5)
MOST = 20  # records of a span; what is over is counted in one more
_LONGEST = 100  # characters of a name


class Guesses:
    """Counts by name and address, and writes a span down when it is over, or when the service stops."""

    def __init__(self, store: Store, clock: Clock, failure: Callable[[str, BaseException], None]) -> None:
        self._store, self._clock, self._failure = store, clock, failure
        self._seen: Counter[tuple[str, str]] = Counter()
        self._others = 0
        self._tasks, self._waits = Tasks(), False

    def note(self, name: str, peer: str) -> None:
        """One failed login; nothing waits for it."""
        one = clean(name, _LONGEST), peer
        if one in self._seen or len(self._seen) < MOST:
            self._seen[one] += 1
        else:
            self._others += 1
        if not self._waits:
            self._waits = True
            self._tasks.spawn(self._later())

    async def stop(self) -> None:
        await self._tasks.end(0.0)
        await self._write()

    async def _later(self) -> None:
        while self._seen or self._others:
            await self._clock.sleep(SPAN.total_seconds())
            await self._write()
        self._waits = False

    async def _write(self) -> None:
        seen, others = self._seen, self._others
        self._seen, self._others = Counter(), 0
        for (name, peer), times in seen.items():
            await self._record(Actor(name, peer), times)
        if others:
            await self._record(Actor("others", "smtp"), others)

    async def _record(self, who: Actor, times: int) -> None:
        try:
            data = {"times": str(times)}
            await self._store.record("auth.failed", by=who, now=self._clock.now(), data=data)
        except Exception as error:  # it is in the log as well
            self._failure("audit of logins", error)
