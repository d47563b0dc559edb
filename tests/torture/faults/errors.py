"""An error that no code expects, at every step of a mail's life."""

import asyncio

from tests.torture.fault import Trial, fault
from tests.torture.faults.kill import FIRST
from tests.torture.parish import parish

ANEW = ("store.committing", "store.committed")
"""Here what failed is tried once more, one by one, without a word."""


@fault(
    "an error nobody expects, at each step in turn: receiving, deciding, storing, carrying, reporting, telling",
    "451, held or tried again; it goes on, or ends and loses nothing; a copy comes again only if its outcome was lost",
    short=2, full=4 * len(FIRST), at_the_dot=True,
)  # fmt: skip
async def anywhere(trial: Trial) -> None:
    point = FIRST[trial.number % len(FIRST)]
    async with parish(trial) as place:
        await place.start(f"{point.name}=raise@{trial.dice.randint(1, point.hits)}", wait=False)
        if await place.takes_mail():
            for _ in range(
                1 if point.name in ANEW else 4
            ):  # people may have called off just what would have come there
                await place.load()
                await asyncio.sleep(1.5)  # holds and delays end, notices leave
                if place.seen_to_err():
                    break
        assert place.seen_to_err() or point.name in ANEW, f"{point.name}: the error is in no log"
        await place.erred()
        await place.start()
        await place.settled()
        await place.stopped()
