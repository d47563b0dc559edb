"""Who is logging in: the one small interface all ways of knowing passwords share, and what they have in common."""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from mailguard.clock import Clock
from mailguard.errors import PermanentFailure, TemporaryFailure
from mailguard.mail import address
from mailguard.mail.peer import client

REMEMBER = 300.0  # seconds a password that was right is right without asking again
VOUCHED = 3600.0  # seconds a session goes on with the word of another server
FORGIVE = 900.0  # seconds without a failure after which earlier ones are forgotten
SLOWEST = 30.0  # seconds an attempt is made to wait at most; what would wait longer is told to come again
MANY = 10_000  # remembered logins after which old ones are looked for


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has logged in. `send_as`: addresses, or `*@domain` (see `settings.sender_pattern`)."""

    name: str
    send_as: tuple[str, ...]
    valid: Callable[[], Awaitable[bool]] | None = field(default=None, compare=False)
    """Whether the login is good still, asked anew at every mail; None: whoever logged in stays in."""


def vouched(user: User, clock: Clock) -> User:
    """Somebody whom another server knows, for an hour: it may let them go meanwhile, and never tells."""
    until = clock.monotonic() + VOUCHED

    async def valid() -> bool:
        return clock.monotonic() < until

    return replace(user, valid=valid)


class TokenRefused(PermanentFailure):
    """A token that proves nothing; the client is told so in JSON first. `why` is for the log."""

    code = 535
    enhanced = "5.7.8"

    def __init__(self, why: str) -> None:
        super().__init__("the token is not accepted: sign in anew")
        self.why = why


class Authenticator(Protocol):
    """A way of knowing who somebody is by a password."""

    async def check(self, name: str, password: str, peer: str) -> User:
        """PermanentFailure 535 5.7.8 when name or password is wrong, TemporaryFailure 454 4.7.0: nobody can tell."""
        ...


def wrong() -> PermanentFailure:
    """The same words whatever was wrong, so that nobody learns which names exist."""
    return PermanentFailure("the user name or the password is wrong", code=535, enhanced="5.7.8")


def cannot_say(why: str) -> TemporaryFailure:
    return TemporaryFailure(why, code=454, enhanced="4.7.0")


class Remembered:
    """Logins that succeeded a short while ago, by a keyed hash: nothing in it is of use after a restart."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._until: dict[bytes, float] = {}

    def _digest(self, parts: Iterable[str]) -> bytes:
        return hmac.digest(self._key, b"\0".join(part.encode() for part in parts), hashlib.sha256)

    def has(self, *parts: str) -> bool:
        return self._until.get(self._digest(parts), 0.0) > self._clock.monotonic()

    def add(self, *parts: str) -> None:
        now = self._clock.monotonic()
        if len(self._until) >= MANY:
            self._until = {digest: until for digest, until in self._until.items() if until > now}
        self._until[self._digest(parts)] = now + REMEMBER


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0
    next_turn: float = 0.0


class Slowdown:
    """After failures of one user from one client, the next attempts of that pair wait: 1, 2, 4 … 30 s.

    The pair, not the user: whoever guesses from elsewhere doesn't lock the owner out.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pairs: dict[tuple[str, str], _Failures] = {}  # whose last failure is longest ago comes first
        self._clients: dict[str, float] = {}  # likewise: when somebody there failed last

    def failed_lately(self, who: str) -> bool:
        """Whether anybody failed from this client (`peer.client`), and nobody logged in from there since."""
        last = self._clients.get(who)
        return last is not None and self._clock.monotonic() - last <= FORGIVE

    async def turn(self, name: str, peer: str) -> None:
        """Wait until this pair may try; TemporaryFailure when too many of its attempts wait already."""
        pair = (address.key(name), client(peer))
        found = self._pairs.get(pair)
        if found is None:
            return
        now = self._clock.monotonic()
        if now - found.last > FORGIVE:
            del self._pairs[pair]
            return
        turn = max(now, found.next_turn)
        if turn - now > SLOWEST:
            raise cannot_say("too many failed logins from your address: try again in a minute")
        found.next_turn = turn + self._pause(found.count)
        await self._clock.sleep(turn - now)

    def failed(self, name: str, peer: str) -> None:
        now, pair = self._clock.monotonic(), (address.key(name), client(peer))
        self._forget(now)
        found = self._pairs[pair] = self._pairs.pop(pair, _Failures())
        found.count += 1
        found.last = now
        found.next_turn = max(found.next_turn, now + self._pause(found.count))
        self._clients.pop(pair[1], None)
        self._clients[pair[1]] = now

    def passed(self, name: str, peer: str) -> None:
        self._pairs.pop((address.key(name), client(peer)), None)
        self._clients.pop(client(peer), None)

    def _forget(self, now: float) -> None:
        """What is forgiven, a step for every entry: names are what a guesser makes up, any number of them."""
        while self._pairs and now - next(iter(self._pairs.values())).last > FORGIVE:
            del self._pairs[next(iter(self._pairs))]
        while self._clients and now - next(iter(self._clients.values())) > FORGIVE:
            del self._clients[next(iter(self._clients))]

    def _pause(self, count: int) -> float:
        return min(SLOWEST, 2.0 ** min(count - 1, 10))
