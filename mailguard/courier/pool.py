"""Open sessions kept for the next mail, and the limits on how much is under way at once."""

import asyncio
from collections import deque
from contextlib import suppress

from mailguard.clock import Clock
from mailguard.courier.smtp import Session

IDLE = 30.0  # seconds a session is kept without work; servers hang up later than that
MOST_MAILS = 500  # transactions on one connection, so that a new preference of hosts is seen in time

_Budgets = dict[tuple[str, int], "Budget"]  # by destination and limit


class Paces:
    """When the next mail may go to a destination whose server takes only so many in a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: dict[str, float] = {}

    async def turn(self, destination: str, an_hour: float) -> None:
        """Wait until one more fits into so many an hour, evenly spread; who comes first goes first."""
        now = self._clock.monotonic()
        self._next = {place: at for place, at in self._next.items() if at > now}
        mine = self._next.get(destination, now)
        self._next[destination] = mine + 3600 / an_hour
        if mine > now:
            await self._clock.sleep(mine - now)


class Pool:
    """Idle sessions by destination, the last used first. `slot` bounds the connections of a destination."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._idle: dict[str, deque[tuple[float, Session]]] = {}
        self._slots: _Budgets = {}
        self._sweeper: asyncio.Task[None] | None = None

    def slot(self, destination: str, limit: int) -> "_Part":
        """For `async with`: wait for one of `limit` places at this destination.

        Under another limit than before they are other places: who has or waits for an old one is not counted.
        """
        return _Part(self._slots, (destination, limit), 1)

    def take(self, destination: str) -> Session | None:
        """A session that was kept and still looks alive."""
        self._expire()
        kept = self._idle.get(destination, deque())
        while kept:
            _, session = kept.pop()
            if not kept:
                del self._idle[destination]
            if session.wire.silent:
                return session
            session.wire.quit()
        return None

    def give(self, destination: str, session: Session) -> None:
        """Keep the session if it may be used again, else take leave."""
        if not session.clean or session.used >= MOST_MAILS or not session.wire.silent:
            session.wire.quit()
            return
        self._idle.setdefault(destination, deque()).append((self._clock.monotonic(), session))
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Take leave of idle sessions even when no other mail comes by."""
        while self._idle:
            oldest = min(kept[0][0] for kept in self._idle.values())
            await self._clock.sleep(max(0.0, oldest + IDLE - self._clock.monotonic()))
            self._expire()

    def _expire(self) -> None:
        ended = self._clock.monotonic() - IDLE
        for destination in list(self._idle):
            kept = self._idle[destination]
            while kept and kept[0][0] <= ended:
                kept.popleft()[1].wire.quit()
            if not kept:
                del self._idle[destination]

    async def close(self) -> None:
        """Take leave of all that is idle."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        for kept in self._idle.values():
            for _, session in kept:
                session.wire.quit()
        self._idle.clear()


class Budget:
    """A semaphore that counts bytes, first come first served, so that memory stays bounded.

    What is larger than the whole budget waits until it has the budget to itself.
    """

    def __init__(self, limit: int) -> None:
        self._limit = self._free = limit
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    @property
    def unused(self) -> bool:
        return self._free == self._limit and not self._waiting

    def hold(self, size: int) -> "_Held":
        """For `async with`: wait until `size` bytes fit, and give them back at the end."""
        return _Held(self, size)

    async def acquire(self, size: int) -> None:
        need = min(size, self._limit)
        if not self._waiting and need <= self._free:
            self._free -= need
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, need))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += need  # it was our turn in the same moment
            else:
                with suppress(ValueError):
                    self._waiting.remove((turn, need))
            self._admit()
            raise

    def release(self, size: int) -> None:
        self._free += min(size, self._limit)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._waiting[0][1] <= self._free:
            turn, need = self._waiting.popleft()
            if not turn.done():  # else it was cancelled and has not noticed yet
                self._free -= need
                turn.set_result(None)


class Shares:
    """A budget of its own for each destination."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._budgets: _Budgets = {}

    def hold(self, destination: str, size: int) -> "_Part":
        """As Budget.hold, within this destination's share."""
        return _Part(self._budgets, (destination, self._limit), size)


class _Held:
    """No generator: of each of those the loop keeps a list, and every mail needs several."""

    __slots__ = ("_budget", "_size")

    def __init__(self, budget: Budget, size: int) -> None:
        self._budget, self._size = budget, size

    async def __aenter__(self) -> None:
        await self._budget.acquire(self._size)

    async def __aexit__(self, *_: object) -> None:
        self._budget.release(self._size)


class _Part:
    """Of a budget that is kept only while somebody has some of it, or waits for that."""

    __slots__ = ("_budget", "_budgets", "_key", "_size")

    def __init__(self, budgets: _Budgets, key: tuple[str, int], size: int) -> None:
        """`key`: the destination and the limit."""
        self._budgets, self._key, self._size = budgets, key, size

    async def __aenter__(self) -> None:
        self._budget = self._budgets.get(self._key) or self._budgets.setdefault(self._key, Budget(self._key[1]))
        try:
            await self._budget.acquire(self._size)
        except BaseException:
            self._forget()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._budget.release(self._size)
        self._forget()

    def _forget(self) -> None:
        if self._budget.unused and self._budgets.get(self._key) is self._budget:
            del self._budgets[self._key]
