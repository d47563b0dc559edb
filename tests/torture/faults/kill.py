"""kill -9 at every step of a mail's life, and at any moment; then started again, and the books compared."""

import asyncio
import random
from dataclasses import dataclass

from tests.torture.fault import Trial, fault
from tests.torture.faults.operations import as_first_schema
from tests.torture.parish import Parish, parish
from tests.torture.served import database

# Other mail is on the wire when the process ends, so every row may see a second copy of what was at its final dot.
PROMISE = "nothing is lost or half there; only a copy at its final dot may come twice, with the same Message-ID"


@dataclass(frozen=True, slots=True)
class Point:
    """A failpoint, in words, and up to which hit of it every load comes."""

    name: str
    words: str
    hits: int = 1
    pause: float = 0.0  # seconds the next hop takes for its answer to the final dot
    later: float = 0.0  # seconds between the hit and the end


FIRST = (
    Point("smtpd.receiving", "in the middle of a body", 12),
    Point("intake.begun", "after the final dot, before the rules", 8),
    Point("rules.asked", "while the rules are asked", 20),
    Point("store.putting", "before the commit of a mail", 8),
    Point("store.committing", "before any commit", 15),
    Point("store.committed", "after any commit, before anybody hears of it", 15),
    Point("intake.stored", "after the commit, before the 250", 8),
    Point("smtpd.answered", "after the 250", 30),
    Point("scheduler.waiting", "while mail waits", 4),
    Point("scheduler.claimed", "after a claim, before anybody is called", 4),
    Point("courier.mail", "after MAIL", 4),
    Point("courier.rcpt", "after some recipients of a mail were accepted by the next hop", 6),
    Point("courier.pouring", "in the middle of a large DATA", 4),
    Point("courier.dot", "after the final dot, before the next hop's answer", 3, pause=0.3, later=0.1),
    Point("scheduler.carried", "after the next hop's 250, before it is written down", 4),
    Point("store.settling", "while the outcome is written down", 4),
    Point("reports.made", "when a report of a failure was made", 1),
    Point("store.reporting", "while failure and report are written down", 1),
    Point("store.people", "while somebody's send, cancel or drop is written down", 2),
    Point("store.expiring", "while a hold ends by time", 1),
    Point("postman.claimed", "when notices were claimed", 2),
    Point("postman.granted", "when a notice has its link", 2),
    Point("postman.carried", "after a notice was sent, before it is written down", 2),
)


def _first(point: Point) -> None:
    """Dies in its first life, is started again, and sometimes killed once more."""

    @fault(f"kill -9 {point.words}", PROMISE, full=36, at_the_dot=True)
    async def run(trial: Trial) -> None:
        async with parish(trial) as place:
            for sink in place.sinks:
                sink.pause = point.pause
            at = trial.dice.randint(1, point.hits)
            later = f"+{point.later}" if point.later else ""
            await place.start(f"{point.name}=kill@{at}{later}", wait=False)
            if await place.lives():  # else it came to its end while it started
                await place.load()
            await place.died()
            await _again(place, trial.dice)


async def _again(place: Parish, dice: random.Random) -> None:
    """The next life; one in four ends soon as well."""
    for sink in place.sinks:
        sink.pause = 0.0
    await place.start()
    if dice.random() < 0.25:
        await asyncio.sleep(dice.uniform(0.0, 0.3))
        await place.killed()
        await place.start()
    await place.settled()
    await place.stopped()


for _point in FIRST:
    _first(_point)


@fault("kill -9 at any moment", PROMISE, full=120, at_the_dot=True)
async def anywhere(trial: Trial) -> None:
    async with parish(trial) as place:
        await place.start()
        loading = asyncio.create_task(place.load(60))
        await asyncio.sleep(trial.dice.uniform(0.0, 1.5))
        await place.killed()
        await loading
        await _again(place, trial.dice)


@fault("kill -9 while a start takes back what was on the wire", PROMISE, full=36, at_the_dot=True)
async def recovering(trial: Trial) -> None:
    async with parish(trial) as place:
        for sink in place.sinks:
            sink.pause = 0.3
        await place.start("courier.dot=kill@2+0.1")
        await asyncio.gather(place.load(), place.died())
        await place.start("store.recovering=kill@1", wait=False)
        await place.died()
        await _again(place, random.Random(0))


@fault("kill -9 while a start decides what was left undecided", PROMISE, full=36, at_the_dot=True)
async def resuming(trial: Trial) -> None:
    async with parish(trial) as place:
        text = place.site.config.read_text("utf-8")
        place.site.config.write_text(text.replace("\n  users:", "\n  limits: {decide: 1s}\n  users:"), "utf-8")
        await place.start("rules.asked=nap@1+1.5")
        await place.load(12)
        assert place.undecided, "nothing was left undecided"
        await place.killed()
        await place.start("intake.resuming=kill@1", wait=False)
        await place.died()
        await place.start()
        await place.settled()
        await place.stopped()


def _keeping(name: str, words: str) -> None:
    @fault(
        f"kill -9 {words}", "decisions stay, bytes go, and nothing of it happens by halves", full=36, at_the_dot=True
    )
    async def run(trial: Trial) -> None:
        async with parish(trial) as place:
            await place.start()
            await place.load()
            await place.settled(count=False)
            await place.stopped()
            text = place.site.config.read_text("utf-8")
            place.site.config.write_text(text + "retention: {bodies: 1s}\n", "utf-8")
            await asyncio.sleep(1.1)
            await place.start(f"{name}=kill@{trial.dice.randint(1, 3) if name == 'store.purging' else 1}", wait=False)
            await place.died()
            await place.start()
            await place.settled()
            await place.stopped()


_keeping("store.purging", "in the middle of a purge")
_keeping("store.checkpointing", "before a checkpoint that empties the log")


@fault("kill -9 between two statements of an upgrade", PROMISE, full=36, at_the_dot=True)
async def migrating(trial: Trial) -> None:
    async with parish(trial) as place:
        await place.start()
        await place.load()
        await place.stopped()
        await asyncio.to_thread(as_first_schema, database(place.site))
        await place.start(f"store.migrating=kill@{trial.dice.randint(1, 8)}", wait=False)
        await place.died()
        await place.start()
        await place.settled()
        await place.stopped()
