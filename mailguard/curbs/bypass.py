"""For emergencies the guard steps aside: new mail passes at once, until an instant that nobody has to remember."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailguard.clock import Clock
from mailguard.errors import MailguardError, TemporaryFailure
from mailguard.log import Log
from mailguard.people.alerts import Alert
from mailguard.records import Actor
from mailguard.store.base import Store
from mailguard.tasks import Tasks

LONGEST = timedelta(hours=24)
AGAIN = 60.0  # seconds until the end is tried again when the store is busy
_NAME = "bypass"
_TIMER = Actor("timer", "policy")


class NoBypass(MailguardError):
    """What was asked of a bypass can't be done."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A bypass: from when to when, who began it and why."""

    began: datetime
    until: datetime
    by: str
    reason: str


class Bypass:
    """Whether the guard stands aside. What is held stays held; nothing reserved is given away by it."""

    def __init__(self, store: Store, clock: Clock, log: Log, alerts: Alert, wake: Callable[[], None]) -> None:
        self._store, self._clock, self._log = store, clock, log
        self._alerts, self._wake = alerts, wake
        self._aside: Aside | None = None
        self._changing = False  # the store is being told of what is so here already
        self._tasks = Tasks()

    async def start(self) -> None:
        """Go on with one that an earlier process began, or end it."""
        self._aside = aside = await self._kept()
        if aside is None:
            return
        if aside.until > self._clock.now():
            self._tasks.spawn(self._watch(aside))
        else:
            await self._over(aside, _TIMER)

    async def refresh(self) -> None:
        """Another process on the same store may have begun or ended one. What is begun or ended here is not asked."""
        before = self._aside
        aside = await self._kept()
        if self._changing or self._aside is not before or aside == before:
            return
        self._aside = aside
        if aside is not None:
            self._tasks.spawn(self._watch(aside))

    async def _kept(self) -> Aside | None:
        value = (await self._store.recall(_NAME)).get(_NAME)
        if value is None:
            return None
        began, until = (datetime.fromisoformat(value[name]) for name in ("began", "until"))
        return Aside(began, until, value["by"], value["reason"])

    async def stop(self) -> None:
        await self._tasks.end(0)

    def at(self, now: datetime) -> Aside | None:
        """The bypass in force at this instant. By the clock on the wall, so that no timer has to be right."""
        aside = self._aside
        return aside if aside is not None and aside.began <= now < aside.until else None

    @property
    def now(self) -> Aside | None:
        return self.at(self._clock.now())

    async def begin(self, span: timedelta, reason: str, by: Actor) -> Aside:
        """Raises NoBypass: too long, without a reason, or one is in force already."""
        if not reason.strip():
            raise NoBypass("say why: a bypass has a reason, which the audit keeps")
        if not timedelta() < span <= LONGEST:
            raise NoBypass(f"a bypass lasts {LONGEST.total_seconds() / 3600:.0f}h at most: give --for 30m, say")
        now = self._clock.now()
        if self.at(now):
            raise NoBypass(
                "a bypass is in force already: `mailguard bypass` shows it, `mailguard bypass --end` ends it"
            )
        aside = Aside(now, now + span, str(by), reason.strip()[:500])
        await self._remember(aside, "bypass.began", by, now)
        self._aside = aside
        self._log.bypass_began(aside.until, aside.reason, by)
        self._tasks.spawn(self._watch(aside))
        return aside

    async def end(self, by: Actor) -> bool:
        """End it before its time. False: there is none."""
        aside = self._aside
        if aside is None:
            return False
        await self._over(aside, by)
        return True

    async def _watch(self, aside: Aside) -> None:
        """Says that it is over; that it is over does not depend on this."""
        while self._aside is aside:
            left = (aside.until - self._clock.now()).total_seconds()
            if left > 0:
                await self._clock.sleep(min(left, AGAIN))  # a wall clock may be set meanwhile
                continue
            try:
                await self._over(aside, _TIMER)
            except TemporaryFailure:
                await self._clock.sleep(AGAIN)
            except Exception as error:
                self._log.failure("bypass", error)
                return

    async def _over(self, aside: Aside, by: Actor) -> None:
        if self._aside is not aside:
            return
        self._aside = None  # first: what comes from now on is decided as ever
        try:
            await self._remember(aside, "bypass.ended", by, self._clock.now(), over=True)
        except BaseException:
            self._aside = aside
            raise
        self._log.bypass_ended(by)

    async def _remember(self, aside: Aside, event: str, by: Actor, now: datetime, *, over: bool = False) -> None:
        value = {
            "began": aside.began.isoformat(),
            "until": aside.until.isoformat(),
            "by": aside.by,
            "reason": aside.reason,
        }
        data = {"about": event, "until": value["until"], "why": aside.reason, "name": str(by)}
        kept = None if over else value
        self._changing = True
        try:
            await self._store.remember(_NAME, kept, event=event, by=by, now=now, notices=self._alerts(data))
        finally:
            self._changing = False
        self._wake()
