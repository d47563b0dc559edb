"""A wall clock that jumps, sleeps, and is put forward and back: nothing leaves twice, early or never."""

import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mailguard.demo.world import OutsideWorld
from mailguard.records import State
from mailguard.testing import MONDAY, eventually
from tests.flow.house import KIM, LEE, MO, House, LeapingClock, build, routes
from tests.torture.fault import Trial, fault
from tests.unit.courier.peer import Peer

DAY = 86400.0
RULES = """
version: 1
rules:
  - {id: wait, when: {to: {any: {in: [kim@client.example]}}}, then: [{delay: 5m}]}
  - id: ask
    when: {to: {any: {in: [mo@rival.example]}}}
    then: [{hold: {until: sender_confirms, expires: 24h, on_expiry: send}}]
"""
"""To Kim after five minutes, to Mo when nobody answered for a day, to anybody else at once."""
_ID = re.compile(rb"\(mailguard\).*?\sid ([0-9A-Z]{13});", re.DOTALL)  # in our own Received
HOP = "hop@peer.example"  # goes to a scripted server


@dataclass
class Watch:
    """What was promised: queue id → the instant before which the mail must not leave."""

    house: House
    peer: Peer
    due: dict[str, datetime] = field(default_factory=dict)
    leaps: list[tuple[int, datetime]] = field(default_factory=list)  # arrivals until then, and what the wall showed
    leaps_before: dict[str, int] = field(default_factory=dict)  # how many there were when a mail came in

    def jump(self, seconds: float) -> None:
        self.leaps.append((len(self.house.world.caught), self.house.clock.now()))
        self.house.clock.jump(seconds)

    async def send(self, recipient: str) -> str:
        leaps = len(self.leaps)
        queue_id = await self.house.send([recipient])
        self.leaps_before[queue_id] = leaps
        mail = await self.house.mail(queue_id)
        ends = [hold.expires_at for hold in mail.holds if hold.expires_at]
        dues = [delivery.due_at for delivery in mail.deliveries if delivery.due_at]
        self.due[queue_id] = max([*ends, *dues, mail.received_at])
        return queue_id

    async def settle(self, trial: Trial) -> None:
        """Let time pass until all have ended; count what did not leave, or more than once; nothing left early."""
        await self.house.clock.advance(61)  # a jump is noticed within a minute
        for _ in range(60):
            if all([await self._sent(queue_id) for queue_id in self.due]):
                break
            await self.house.wait(days=1)
        trial.accepted += len(self.due)
        trial.lost += sum([not await self._sent(queue_id) for queue_id in self.due])
        times = Counter(self._arrived())
        trial.duplicated += sum(many - 1 for many in times.values())
        assert set(times) == set(self.due)
        for number, caught in enumerate(self.house.world.caught):
            if not caught.is_notice:
                self._not_early(number, caught.at, _queue_id(caught.raw))
        told = Counter((notice.subject, notice.text) for notice in self.house.world.caught if notice.is_notice)
        assert set(told.values()) <= {1}, "somebody was told twice"
        await self.house.conserved()

    def _not_early(self, number: int, at: datetime, queue_id: str) -> None:
        """The wall clock had shown its time since it came in; it may have been set back while the mail was carried."""
        since = self.leaps[self.leaps_before[queue_id] :]
        shown = max([at, *(wall for arrivals, wall in since if arrivals <= number)])
        assert shown >= self.due[queue_id], f"it left {self.due[queue_id] - shown} early"

    async def _sent(self, queue_id: str) -> bool:
        return set((await self.house.states(queue_id)).values()) == {State.SENT}

    def _arrived(self) -> list[str]:
        world = [_queue_id(mail.raw) for mail in self.house.world.caught if not mail.is_notice]
        return world + [_queue_id(mail.data) for mail in self.peer.arrived]


def _queue_id(raw: bytes) -> str:
    found = _ID.search(raw)
    assert found
    return found[1].decode()


@contextlib.asynccontextmanager
async def watched(
    trial: Trial, rules: str = RULES, start: datetime = MONDAY, config: Mapping[str, Any] | None = None
) -> AsyncIterator[Watch]:
    """A house whose clock is in our hands."""
    clock = LeapingClock(start)
    world = OutsideWorld(clock)
    await world.start()
    peer = await Peer("8BITMIME").start()
    settings = {**routes(peer_example=peer.port), **(config or {})}
    house = House(build(trial.folder / "house", world, rules=rules, config=settings), world, clock)
    try:
        await house.start()
        yield Watch(house, peer)
    finally:
        await house.close()
        await peer.stop()
        await world.stop()


async def on_the_wire(watch: Watch, move: Callable[[], Awaitable[None]]) -> None:
    """The clock moves between the beginning of a message and its final dot."""
    watch.peer.slow.clear()
    watch.peer.started.clear()
    await watch.send(HOP)
    await eventually(watch.peer.started.is_set)
    await move()
    for _ in range(3):
        await watch.house.clock.advance(60)
        await watch.house.look_again()
    watch.peer.slow.set()
    await watch.house.quiet()


async def retrying(watch: Watch, move: Callable[[], Awaitable[None]]) -> None:
    """The clock moves between a refusal for now and the next attempt."""
    watch.peer.answers["RCPT"] = ["451 4.2.0 later"]
    await watch.send(HOP)
    await watch.house.quiet()
    await move()


async def at_random_moments(trial: Trial, watch: Watch, move: Callable[[], Awaitable[None]]) -> None:
    """A life of mails in which the clock moves anywhere: waiting, held, on the wire, retrying, a notice due."""
    house, dice = watch.house, trial.dice
    for _ in range(12):
        match dice.randrange(6):
            case 0:
                await on_the_wire(watch, move)
            case 1:
                await retrying(watch, move)
            case 2:
                await watch.send(dice.choice([KIM, MO, LEE]))
                await move()  # at once: whatever is just under way
            case 3:
                await house.restart()
                await move()
            case _:
                await watch.send(dice.choice([KIM, MO]))
                await house.wait(seconds=dice.uniform(1, DAY / 4))
                await move()
        await house.clock.advance(dice.choice([0.5, 61, 4000]))
    await watch.settle(trial)


@fault("the clock jumps by up to a day, at twelve moments of mails' lives", "nothing leaves twice, early or never")
async def jumps(trial: Trial) -> None:
    async with watched(trial) as watch:

        async def jump() -> None:
            watch.jump(trial.dice.choice([DAY, -DAY, trial.dice.uniform(-DAY, DAY)]))

        await at_random_moments(trial, watch, jump)


@fault(
    "suspend and resume, or a wall clock that stands still, at twelve moments", "nothing leaves twice, early or never"
)
async def suspends(trial: Trial) -> None:
    async with watched(trial) as watch:

        async def suspend() -> None:
            """Only the wall clock went on (suspended), or only the other one (a wall clock held back)."""
            clock, seconds = watch.house.clock, trial.dice.uniform(1, DAY)
            if trial.dice.random() < 0.5:
                watch.jump(seconds)
            else:
                watch.jump(-seconds)
                await clock.advance(seconds)

        await at_random_moments(trial, watch, suspend)


# --- summer time ---

NIGHTS = (
    ("Europe/Warsaw", datetime(2026, 3, 28, 18, tzinfo=UTC)),
    ("Europe/Warsaw", datetime(2026, 10, 24, 18, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 0, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 9, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 9, tzinfo=UTC)),
)
"""The evening before the clock is put forward or back."""
AT, OPEN, CLOSE = "02:15", "00:30", "02:20"  # around what is skipped or comes twice
NIGHT = f"""
version: 1
rules:
  - id: outside-hours
    when: {{to: {{any: {{in: [{LEE}]}}}}, time: {{outside: "Mon-Sun {OPEN}-{CLOSE}"}}}}
    then: [{{delay: 1m}}]
  - {{id: until, when: {{to: {{any: {{in: [{KIM}]}}}}}}, then: [{{delay: {{until: "{AT}"}}}}]}}
  - id: office
    when: {{to: {{any: {{in: [{MO}]}}}}}}
    then: [{{hold: {{until: sender_confirms, expires: 3h, on_expiry: send}}}}]
"""


def open_at(local: datetime) -> bool:
    return OPEN <= f"{local:%H:%M}" < CLOSE


def promised(recipient: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The earliest and the latest instant right for this recipient, by a look at every minute to come."""
    whole = now.replace(second=0, microsecond=0)
    minutes = [whole + timedelta(minutes=n) for n in range(6 * 24 * 60)]
    if recipient == LEE:
        wait = timedelta(minutes=0 if open_at(now.astimezone(zone)) else 1)
        return now + wait, now + wait
    if recipient == KIM:
        shown = next(at for at in minutes if at >= now and f"{at.astimezone(zone):%H:%M}" == AT)
        skipped = next(
            at for at in minutes if at >= now and f"{at.astimezone(zone):%H:%M}" > AT and at.astimezone(zone).hour < 4
        )
        return min(shown, skipped), shown
    left = timedelta(hours=3)
    for at in minutes:
        if open_at(at.astimezone(zone)):
            left -= at + timedelta(minutes=1) - max(at, now)
        if left <= timedelta():
            break
    end = at + timedelta(minutes=1) + left
    return end, end


@fault(
    "hours over the night when the clock is put forward or back (Warsaw, New York, Lord Howe in turn)",
    "no wait and no hold ends early, all leave once",
    full=12,
)
async def summer_time(trial: Trial) -> None:
    name, evening = NIGHTS[trial.number % len(NIGHTS)]
    zone = ZoneInfo(name)
    config = {"organization": {"zone": name}, "holds": {"calendar": f"Mon-Sun {OPEN}-{CLOSE}"}}
    async with watched(trial, NIGHT, evening, config) as watch:
        for _ in range(24):
            recipient = trial.dice.choice([KIM, LEE, MO])
            now = watch.house.clock.now()
            queue_id = await watch.send(recipient)
            due = watch.due[queue_id]
            early, late = promised(recipient, now, zone)
            assert early <= due <= late, f"{recipient} at {now.astimezone(zone)}: {due.astimezone(zone)}"
            await watch.house.wait(minutes=trial.dice.uniform(1, 75))
        await watch.settle(trial)
