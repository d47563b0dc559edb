"""The store in PostgreSQL: the service killed at every step of a mail's life, and the database under its hands."""

import asyncio
import signal

from tests.postgres import running
from tests.torture.fault import Trial, fault
from tests.torture.faults.kill import AT_THE_DOT, FIRST, PROMISE, Point, dies_at, dies_within
from tests.torture.parish import parish

NEEDS = ("postgres",)
SHORT = ("intake.stored", "courier.dot")  # in `make test`: either side of a promise


def _point(point: Point) -> None:
    dot = not point.before_the_dot

    @fault(
        f"kill -9 {point.words}", AT_THE_DOT if dot else PROMISE, short=point.name in SHORT, full=10, at_the_dot=dot,
        needs=NEEDS,
    )  # fmt: skip
    async def run(trial: Trial) -> None:
        with running() as server:
            async with parish(trial, server) as place:
                await dies_at(point, place)


POINTS = (
    *(one for one in FIRST if one.name not in ("store.committing", "store.committed")),  # SQLite's
    Point("lanes.committing", "before any commit", 15, before_the_dot=False),
    Point("lanes.committed", "after any commit, before anybody hears of it", 15, before_the_dot=False),
)
for _one in POINTS:
    _point(_one)


@fault("kill -9 at any moment", AT_THE_DOT, full=30, at_the_dot=True, needs=NEEDS)
async def anywhere(trial: Trial) -> None:
    with running() as server:
        async with parish(trial, server) as place:
            await dies_within(2.5, place)


@fault(
    "the database crashes under load",
    "451 while it is away; nothing is lost, nothing comes twice",
    full=30,
    needs=NEEDS,
)
async def crash(trial: Trial) -> None:
    """The service goes on by itself, and what it was told before the crash is there after it."""
    with running() as server:
        async with parish(trial, server) as place:
            await place.start()
            loading = asyncio.create_task(place.load(60))
            await asyncio.sleep(trial.dice.uniform(0.0, 1.5))
            await asyncio.to_thread(server.stop, signal.SIGQUIT)
            await asyncio.sleep(trial.dice.uniform(0.0, 1.0))
            await asyncio.to_thread(server.start)
            await loading
            await place.load(12)
            await place.settled()
            await place.stopped()
