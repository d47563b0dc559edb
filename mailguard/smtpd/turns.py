"""Whose password is checked next: a check costs so much that who guesses must not keep the others waiting."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mailguard.mail import address
from mailguard.mail.peer import client
from mailguard.smtpd.auth import cannot_say

AT_ONCE = 2  # password hashes computed at the same time: each takes 19 MiB and 30 ms of a processor
MOST_OF_CLIENT, MOST_OF_NAME = 10, 20  # attempts that wait, of clients that failed lately


@dataclass(slots=True)
class _Line:
    """The attempts of one client that wait."""

    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    fresh: bool = True  # none of them had a turn yet


class Turns:
    """Clients without a recent failure first, one turn each before anybody has a second.

    Of those, who came last and who waits for longest in turns: when a thousand new addresses guess, nobody can tell
    their first attempts from the owner's, and yet the owner is not the last of them all. Who failed lately waits behind
    all others, in a short line.
    """

    def __init__(self, failed_lately: Callable[[str], bool], at_once: int = AT_ONCE) -> None:
        """`failed_lately`: is this client (`peer.client`) to wait behind the others?"""
        self._failed_lately = failed_lately
        self._free = at_once
        self._lines: dict[str, _Line] = {}  # by client; who had no turn for longest is first
        self._names: Counter[str] = Counter()  # how many wait for each
        self._last_first = False  # whether who came last was the last to have a turn

    @asynccontextmanager
    async def turn(self, name: str, peer: str) -> AsyncIterator[None]:
        """Wait for it; TemporaryFailure when too many wait already of a client that failed lately, or for its name."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(address.key(name), client(peer))
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, name: str, who: str) -> None:
        self._check_room(name, who)
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(who, _Line()).waiting.append(mine)
        self._names[name] += 1
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():
                self._pass_on()  # it had come at this very moment
            raise
        finally:
            self._names[name] -= 1
            if not self._names[name]:
                del self._names[name]

    def _check_room(self, name: str, who: str) -> None:
        waiting = len(self._lines[who].waiting) if who in self._lines else 0
        if self._failed_lately(who) and (waiting >= MOST_OF_CLIENT or self._names[name] >= MOST_OF_NAME):
            raise cannot_say("too many failed logins: try again in a minute")

    def _pass_on(self) -> None:
        """The next one's turn. A client that has had one goes to the end, with whatever of it still waits."""
        while self._lines:
            who = self._next()
            line = self._lines.pop(who)
            mine = line.waiting.popleft()
            if line.waiting:
                line.fresh = False
                self._lines[who] = line
            if not mine.cancelled():
                mine.set_result(None)
                return
        self._free += 1

    def _next(self) -> str:
        first = [who for who in self._lines if not self._failed_lately(who)] or list(self._lines)
        self._last_first = not self._last_first
        if self._last_first:
            return next((who for who in reversed(first) if self._lines[who].fresh), first[0])
        return first[0]
