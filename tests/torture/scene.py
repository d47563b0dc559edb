"""A whole mailguard before a next hop that misbehaves: send, let it go wrong, let it be mended, count."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

from mailguard.courier.courier import Courier
from mailguard.courier.wire import Timeouts
from mailguard.demo.world import OutsideWorld
from mailguard.records import State
from mailguard.testing import eventually
from tests.flow.house import ANN, KIM, House, LeapingClock, build, letter, routes
from tests.torture.badhop import BadHop
from tests.torture.fault import Trial

AT_ONCE = "version: 1\nrules:\n  - {id: none, mode: audit, when: {always: true}, then: [{tag: [seen]}]}\n"
QUICK = Timeouts(connect=2, greeting=0.3, command=0.3, data=0.3, block=0.3, dot=0.3, opening=1, transaction=1)
OFFERS = ("SIZE 50000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")


@dataclass
class Scene:
    """The house, its bad hop, and what was acknowledged."""

    trial: Trial
    house: House
    hop: BadHop
    sent: dict[str, tuple[bytes, tuple[str, ...]]] = field(default_factory=dict)  # queue id: bytes, recipients

    async def send(self, *to: str, raw: bytes | None = None) -> str:
        raw = raw or letter(ANN, to[0] if to else KIM, body=f"{self.trial.dice.getrandbits(400):x}\r\n.\r\n..x\r\n")
        to = to or (KIM,)
        queue_id = (await self.house.submit(raw, to)).queue_id
        self.sent[queue_id] = (raw, to)
        self.trial.accepted += 1
        return queue_id

    async def states(self) -> Counter[State]:
        return Counter([state for queue_id in self.sent for state in (await self.house.states(queue_id)).values()])

    async def mended(self, **span: float) -> None:
        """The hop behaves from now on; `span` later everything has ended."""
        self.hop.behave()
        await self.house.wait(**(span or {"hours": 1}))

    async def check(self, *, failed: int = 0, at_the_dot: int = 0, ambiguous: int | None = 0) -> None:
        """Conservation, bytes, one report a failed mail, at most `at_the_dot` copies, and nothing that crashed."""
        house = self.house
        await house.quiet()
        await house.conserved()
        counts = await self.states()
        assert set(counts) <= {State.SENT, State.FAILED}, counts
        assert counts[State.FAILED] == failed, counts
        assert not house.log_lines("service.failure"), house.log_lines("service.failure")
        assert not self.hop.reused, "a connection was used again after it misbehaved"
        assert ambiguous in (None, len(house.log_lines("delivery.ambiguous")))
        extra = await self._arrivals()
        self.trial.duplicated += extra
        assert extra <= at_the_dot, f"{extra} copies too many"

    async def _arrivals(self) -> int:
        """Every recipient that was sent to has the very bytes; how many copies came more than once."""
        extra = 0
        for queue_id, (raw, _to) in self.sent.items():
            states = await self.house.states(queue_id)
            found = Counter(
                line.split("<")[1].split(">")[0]
                for arrived in self.hop.arrived
                if arrived.data.endswith(raw) and f"id {queue_id};".encode() in arrived.data
                for line in arrived.rcpts
            )
            self.trial.lost += sum(state is State.SENT and not found[address] for address, state in states.items())
            extra += sum(times - 1 for times in found.values())
        return extra


def reports(house: House) -> list[str]:
    """The text of every delivery report that Ann has."""
    return [
        mail.raw.decode("utf-8", "replace")
        for mail in house.notices(ANN)
        if mail.message.get_content_type() == "multipart/report"
    ]


@asynccontextmanager
async def scene(
    trial: Trial,
    hop: BadHop,
    *,
    timeouts: Timeouts = QUICK,
    next_hop: Mapping[str, Any] | None = None,
    others: Mapping[str, Any] | None = None,
    rules: str = AT_ONCE,
    domain: str = "client.example",
    config: Mapping[str, Any] | None = None,
    **courier: Any,
) -> AsyncIterator[Scene]:
    """Mail to `domain` goes to `hop`, to `others` by these routes, all else to the outside world."""
    clock = LeapingClock()
    world = OutsideWorld(clock)
    await asyncio.gather(world.start(), hop.start())
    made = partial(Courier, timeouts=timeouts, **courier)
    way: dict[str, Any] = routes(**{domain.replace(".", "_"): hop.port})
    if next_hop is not None:
        way = {"next_hop": {"routes": {domain: {**next_hop, **_place(next_hop, hop)}}}}
    way["next_hop"]["routes"].update(others or {})
    with patch("mailguard.departures.Courier", made):
        house = House(build(trial.folder / "house", world, rules=rules, config={**way, **(config or {})}), world, clock)
        await house.start()
        try:
            yield Scene(trial, house, hop)
        finally:
            await house.close()
            await hop.stop()
            await world.stop()


def _place(next_hop: Mapping[str, Any], hop: BadHop) -> dict[str, str]:
    return {} if "mx" in next_hop else {"smarthost": f"127.0.0.1:{hop.port}"}


async def settled(house: House, attempts: int = 1) -> None:
    """Until so many attempts have ended, on the wire of a hop that is slow in real time."""
    events = ("delivery.deferred", "delivery.sent", "delivery.failed", "delivery.ambiguous")
    await eventually(lambda: sum(len(house.log_lines(event)) for event in events) >= attempts, within=20)


def leap(seconds: float) -> None:
    """Let the event loop's own time leap, for good: its time-outs are not the Clock's.

    It never goes back: what was to sleep for a moment would sleep for all of the leap.
    """
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]
