"""How much one login (or one network listener with a quota) has sent within the last hour, and how much of it waits."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mailguard.clock import Clock
from mailguard.errors import TemporaryFailure
from mailguard.locale import saying
from mailguard.smtpd.settings import Quota
from mailguard.smtpd.warden import Warden
from mailguard.store.base import Load

HOUR = 3600.0
FREEZE = 3  # times the quota of an hour, refused attempts included
FRESH = 1.0  # seconds an answer of the store is good for, when nothing was accepted after it


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose quota it is: a login, or a listener without logins. `login` is what the store knows their mail by."""

    name: str
    login: str = ""


@dataclass(slots=True, eq=False)
class _Entry:
    at: float
    mails: int
    recipients: int


@dataclass(slots=True)
class _Window:
    """What happened within the last hour."""

    entries: deque[_Entry] = field(default_factory=deque)
    mails: int = 0
    recipients: int = 0

    def add(self, entry: _Entry) -> None:
        self.entries.append(entry)
        self.mails += entry.mails
        self.recipients += entry.recipients

    def take_back(self, entry: _Entry) -> None:
        self.mails -= entry.mails
        self.recipients -= entry.recipients
        entry.mails = entry.recipients = 0

    def slide(self, now: float) -> None:
        while self.entries and self.entries[0].at <= now - HOUR:
            self.take_back(self.entries.popleft())


@dataclass(slots=True)
class _Waiting:
    """At most this much waits: the store's answer, all accepted since it was asked, and what is on its way in.

    Mail that ends is not subtracted: whoever reaches the limit by this reckoning has the store asked again.
    """

    known: Load | None = None
    asked_at: float = 0.0
    mails: int = 0  # accepted since
    bytes: int = 0
    coming_mails: int = 0
    coming_bytes: int = 0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def exceeds(self, quota: Quota) -> str:
        known = self.known or Load(0, 0)
        if known.mails + self.mails + self.coming_mails > quota.waiting:
            return f"{quota.waiting} mails of yours wait already"
        if known.bytes + self.bytes + self.coming_bytes > quota.bytes:
            return f"{quota.bytes} bytes of your mail may wait at the same time"
        return ""


@dataclass(slots=True)
class Booking:
    """One mail between DATA and its 250: counted already, so that many connections together exceed nothing."""

    meter: "Meter"
    payer: Payer
    quota: Quota
    entry: _Entry
    size: int
    kept: bool = False

    async def weigh(self, size: int) -> None:
        """Now that its size is known. TemporaryFailure 451 4.7.1 when that is too much."""
        waiting = self.meter.waiting(self.payer)
        waiting.coming_bytes += size - self.size
        self.size = size
        await self.meter.fits(self.payer, self.quota)

    def keep(self) -> None:
        self.kept = True


class Meter:
    """Sliding windows per payer, in memory: a restart forgives them, which errs on the side of sending.

    Who tries three times the quota within an hour is frozen, which no restart forgives.
    """

    def __init__(self, clock: Clock, warden: Warden) -> None:
        self._clock, self._warden = clock, warden
        self._sent: dict[str, _Window] = {}
        self._refused: dict[str, _Window] = {}
        self._waiting: dict[str, _Waiting] = {}

    def check(self, payer: Payer, quota: Quota, mails: int = 1, recipients: int = 0) -> None:
        """TemporaryFailure 451 4.7.1 when so much more is too much for this hour, or the payer is frozen."""
        self.refuse_frozen(payer)
        sent = self._window(self._sent, payer)
        over = ""
        if sent.mails + mails > quota.mails:
            over = f"{quota.mails} mails/h"
        elif sent.recipients + recipients > quota.recipients:
            over = f"{quota.recipients} recipients/h"
        if over:
            self._note_refusal(payer, quota, _Entry(self._clock.monotonic(), mails, 1 if recipients else 0))
            self.refuse_frozen(payer)
            raise _over(over)

    async def check_waiting(self, payer: Payer, quota: Quota, size: int) -> None:
        """The same for what waits, at MAIL: the size is what the client announced."""
        waiting = self.waiting(payer)
        waiting.coming_mails += 1
        waiting.coming_bytes += size
        try:
            await self.fits(payer, quota)
        finally:
            waiting.coming_mails -= 1
            waiting.coming_bytes -= size

    @asynccontextmanager
    async def booking(self, payer: Payer, quota: Quota, recipients: int, size: int) -> AsyncIterator[Booking]:
        """Count one mail in, and out again unless it is kept. TemporaryFailure 451 4.7.1 when it is too much."""
        self.check(payer, quota, 1, recipients)
        booking = Booking(self, payer, quota, _Entry(self._clock.monotonic(), 1, recipients), size)
        self._window(self._sent, payer).add(booking.entry)
        waiting = self.waiting(payer)
        waiting.coming_mails += 1
        waiting.coming_bytes += size
        try:
            await self.fits(payer, quota)
            yield booking
        except asyncio.CancelledError:
            booking.keep()  # the commit goes on without its client
            raise
        finally:
            self._end(booking, waiting)

    def _end(self, booking: Booking, waiting: _Waiting) -> None:
        waiting.coming_mails -= 1
        waiting.coming_bytes -= booking.size
        if booking.kept:
            waiting.mails += 1
            waiting.bytes += booking.size
        else:
            self._window(self._sent, booking.payer).take_back(booking.entry)

    async def fits(self, payer: Payer, quota: Quota) -> None:
        """TemporaryFailure 451 4.7.1 when more waits than may; the store is asked only where memory says so."""
        waiting = self.waiting(payer)
        if waiting.known is not None and not waiting.exceeds(quota):
            return
        async with waiting.asking:
            now = self._clock.monotonic()
            stale = waiting.mails > 0 or now - waiting.asked_at >= FRESH
            if waiting.known is None or (stale and waiting.exceeds(quota)):
                accepted = waiting.mails, waiting.bytes
                known = await self._warden.load(payer.login)
                waiting.known, waiting.asked_at = known, now
                # What was accepted before the question is in the answer; what came since may be in it, and counts.
                waiting.mails -= accepted[0]
                waiting.bytes -= accepted[1]
        if over := waiting.exceeds(quota):
            raise _over(over)

    def refuse_frozen(self, payer: Payer) -> None:
        if self._warden.frozen(payer.name):
            raise TemporaryFailure(
                "frozen: too much was sent, ask your administrator", code=451, enhanced="4.7.1"
            )  # fmt: skip

    def forgive(self, name: str) -> None:
        """A payer that was let go on begins its hour anew."""
        self._sent.pop(name, None)
        self._refused.pop(name, None)

    def waiting(self, payer: Payer) -> _Waiting:
        return self._waiting.setdefault(payer.name, _Waiting())

    def _note_refusal(self, payer: Payer, quota: Quota, entry: _Entry) -> None:
        refused, sent = self._window(self._refused, payer), self._window(self._sent, payer)
        refused.add(entry)
        mails, recipients = sent.mails + refused.mails, sent.recipients + refused.recipients
        if mails >= FREEZE * quota.mails or recipients >= FREEZE * quota.recipients:
            why = saying(
                "mails within an hour: {mails} ({mails_most} allowed); recipients: {people} ({people_most} allowed)",
                mails=mails, people=recipients, mails_most=quota.mails, people_most=quota.recipients,
            )  # fmt: skip
            self._warden.freeze(payer.name, payer.login, why)

    def _window(self, windows: dict[str, _Window], payer: Payer) -> _Window:
        window = windows.setdefault(payer.name, _Window())
        window.slide(self._clock.monotonic())
        return window


def _over(what: str) -> TemporaryFailure:
    return TemporaryFailure(f"quota used up ({what}): try again later", code=451, enhanced="4.7.1")
