"""kill -9 at every step of a mail's life, and at any moment; then started again, and the books compared."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from mailguard.audit import Walk
from mailguard.store.sqlite import AuditFile
from mailguard.testing import eventually
from tests.torture.fault import Trial, fault
from tests.torture.faults.operations import as_first_schema
from tests.torture.parish import Parish, parish
from tests.torture.served import database

PROMISE = "nothing is lost, half there or sent twice"
AT_THE_DOT = "nothing is lost or half there; only a copy cut off at its final dot comes again, with the same Message-ID"


@dataclass(frozen=True, slots=True)
class Point:
    """A failpoint, in words, and up to which hit of it every load comes.

    Before the dot, the next hop gives no answer to DATA until the process is dead: then nothing may come twice. At it
    and after it other mail is at its own dot at that moment.
    """

    name: str
    words: str
    hits: int = 1
    before_the_dot: bool = True
    pause: float = 0.0  # seconds the next hop takes for its answer to the final dot
    later: float = 0.0  # seconds between the hit and the end
    only: str = ""  # the one mail that comes there; of others some would be at their dot, or fill the wire before it


FIRST = (
    Point("smtpd.receiving", "in the middle of a body", 12),
    Point("intake.begun", "after the final dot, before the rules", 8),
    Point("rules.asked", "while the rules are asked", 20),
    Point("store.putting", "before the commit of a mail", 8),
    Point("store.committing", "before any commit", 15, before_the_dot=False),
    Point("store.committed", "after any commit, before anybody hears of it", 15, before_the_dot=False),
    Point("intake.stored", "after the commit, before the 250", 8),
    Point("smtpd.answered", "after the 250", 30),
    Point("scheduler.waiting", "while mail waits", 4),
    Point("scheduler.claimed", "after a claim, before anybody is called", 4),
    Point("courier.mail", "after MAIL", 4),
    Point("courier.rcpt", "after some recipients of a mail were accepted by the next hop", 6),
    Point("courier.pouring", "in the middle of a large DATA", 2, only="one large"),
    Point(
        "courier.dot",
        "after the final dot, before the next hop's answer",
        3,
        before_the_dot=False,
        pause=0.3,
        later=0.1,
    ),
    Point("scheduler.carried", "after the next hop's 250, before it is written down", 4, before_the_dot=False),
    Point("store.settling", "while the outcome is written down", 4, before_the_dot=False),
    Point("reports.made", "when a report of a failure was made", 1, before_the_dot=False),
    Point("store.reporting", "while failure and report are written down", 1, before_the_dot=False),
    Point("store.people", "while somebody's send, cancel or drop is written down", 2),
    Point("store.expiring", "while a hold ends by time", 1),
    Point("postman.claimed", "when notices were claimed", 2, before_the_dot=False),
    Point("postman.granted", "when a notice has its link", 2, before_the_dot=False),
    Point("postman.carried", "after a notice was sent, before it is written down", 2, before_the_dot=False),
    Point("journals.claimed", "when the archive was about to be told", 4, before_the_dot=False),
    Point("journals.carried", "after the archive was told, before it is written down", 4, before_the_dot=False),
    Point("store.journalling", "while it is written down that the archive was told", 4, before_the_dot=False),
)


def _first(point: Point) -> None:
    """Dies in its first life, is started again, and sometimes killed once more."""
    dot = not point.before_the_dot

    @fault(f"kill -9 {point.words}", AT_THE_DOT if dot else PROMISE, full=36, at_the_dot=dot)
    async def run(trial: Trial) -> None:
        async with parish(trial) as place:
            await dies_at(point, place)


async def dies_at(point: Point, place: Parish) -> None:
    """From its start to the end of its second life."""
    place.next_hop(not point.before_the_dot, pause=point.pause, large_passes=bool(point.only))
    at = place.trial.dice.randint(1, point.hits)
    later = f"+{point.later}" if point.later else ""
    await place.start(f"{point.name}=kill@{at}{later}", wait=False)
    if await place.takes_mail():  # else it came to its end while it started
        await _load_to_death(place, point.only)
    await place.died()
    await again(place)


async def _load_to_death(place: Parish, only: str) -> None:
    """Once is nearly always enough; but what people do is chance."""
    for _ in range(4):
        await (place.send([only]) if only else place.load())
        if await place.dead(3.0):
            return


async def again(place: Parish) -> None:
    """The next life; one in four ends soon as well, before the next hop has changed its ways."""
    if place.trial.dice.random() < 0.25:
        await place.start()
        await asyncio.sleep(place.trial.dice.uniform(0.0, 0.3))
        await place.killed()
    place.next_hop()
    await place.start()
    await place.settled()
    await place.stopped()


for _point in FIRST:
    _first(_point)


@fault("kill -9 after two of five recipients were accepted", PROMISE, full=36)
async def two_of_five(trial: Trial) -> None:
    """In one transaction: none of the five has it, and then all."""
    async with parish(trial) as place:
        place.next_hop(False)
        await place.start("courier.rcpt=kill@2", wait=False)
        await place.takes_mail()
        await place.send(["five in one"])
        await place.died()
        assert place.arrived() == 0
        await again(place)
        assert place.arrived() == 5


@fault(
    "kill -9 after two of five recipients have it, before that is written down", AT_THE_DOT, full=36, at_the_dot=True
)
async def two_have_it(trial: Trial) -> None:
    """To two next hops: the one that has answered is asked again, the others for the first time."""
    async with parish(trial) as place:
        inside, outside = place.sinks
        first, other = (inside, outside) if trial.number % 2 else (outside, inside)
        other.open.clear()
        await place.start("scheduler.carried=kill@1", wait=False)
        await place.takes_mail()
        await place.send(["two and three"])
        await place.died()
        assert place.arrived() == (3 if first is inside else 2)
        await again(place)
        assert place.arrived() == 5 + (3 if first is inside else 2)


@fault("kill -9 at any moment", AT_THE_DOT, full=120, at_the_dot=True)
async def anywhere(trial: Trial) -> None:
    async with parish(trial) as place:
        await dies_within(1.5, place)


async def dies_within(seconds: float, place: Parish) -> None:
    """Under load; to the end of its second life."""
    await place.start()
    loading = asyncio.create_task(place.load(60))
    await asyncio.sleep(place.trial.dice.uniform(0.0, seconds))
    await place.killed()
    await loading
    await again(place)


@fault("kill -9 while a start takes back what was on the wire", AT_THE_DOT, full=36, at_the_dot=True)
async def recovering(trial: Trial) -> None:
    async with parish(trial) as place:
        place.next_hop(pause=0.3)
        await place.start("courier.dot=kill@2+0.1")
        await asyncio.gather(place.load(), place.died())
        await place.start("store.recovering=kill@1", wait=False)
        await place.died()
        await again(place)


@fault("kill -9 while a start decides what was left undecided", PROMISE, full=36)
async def resuming(trial: Trial) -> None:
    async with parish(trial) as place:
        text = place.site.config.read_text("utf-8")
        place.site.config.write_text(text.replace("\n  users:", "\n  limits: {decide: 1s}\n  users:"), "utf-8")
        place.next_hop(False)
        await place.start("rules.asked=nap@1+1.5")
        loading = asyncio.create_task(place.load(12))
        await eventually(lambda: place.undecided)
        await place.killed()
        await loading
        await place.start("intake.resuming=kill@1", wait=False)
        await place.died()
        await again(place)


def _keeping(name: str, words: str) -> None:
    @fault(f"kill -9 {words}", "decisions stay, bytes go, and nothing of it happens by halves", full=36)
    async def run(trial: Trial) -> None:
        async with parish(trial) as place:
            await place.start()
            await place.load()
            await place.settled(judge=False)
            await place.stopped()
            text = place.site.config.read_text("utf-8")
            place.site.config.write_text(text + "retention: {bodies: 1s}\n", "utf-8")
            await asyncio.sleep(1.1)
            await place.start(f"{name}=kill@{trial.dice.randint(1, 3) if name == 'store.purging' else 1}", wait=False)
            await place.died()
            await place.start()
            await place.settled()
            await place.stopped()
            assert not place.kept.stored(), "bytes are still there"


_keeping("store.purging", "in the middle of a purge")
_keeping("store.checkpointing", "before a checkpoint that empties the log")


@fault("kill -9 between two statements of an upgrade", PROMISE, full=36)
async def migrating(trial: Trial) -> None:
    async with parish(trial) as place:
        place.without_archive()
        await place.start()
        await place.load()
        await place.stopped()
        await asyncio.to_thread(as_first_schema, database(place.site))
        await place.start(f"store.migrating=kill@{trial.dice.randint(1, 8)}", wait=False)
        await place.died()
        await place.start()
        await place.settled()
        await place.stopped()


@fault("kill -9 while the audit is sealed", "the chain is whole, with the range or without it", full=36)
async def sealing(trial: Trial) -> None:
    async with parish(trial) as place:
        await place.start()
        await place.load()
        await place.settled(judge=False)
        await place.killed()
        path = database(place.site)
        before = await asyncio.to_thread(_audit, path)
        await place.start(f"store.sealing=kill@{trial.dice.randint(1, 2) if before.unsealed > 500 else 1}", wait=False)
        await place.died()
        await asyncio.to_thread(_audit, path)
        await place.start()
        await place.settled()
        await place.stopped()
        after = await asyncio.to_thread(_audit, path)
        assert after.unsealed == 0
        assert after.checked >= before.checked + before.unsealed


def _audit(path: Path) -> Walk:
    audit, walk = AuditFile(path), Walk()
    findings = [finding for span in audit.spans() for finding in walk.see(span)]
    assert findings + list(walk.end(audit.given)) == []
    return walk
