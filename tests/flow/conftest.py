"""A whole mailguard in this process: real sockets, real SQLite, and a clock that is moved by hand."""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailguard.cli.packaged import default_rules
from mailguard.demo import site
from mailguard.demo.stage import Stage
from mailguard.demo.world import OutsideWorld
from mailguard.records import State
from mailguard.service import Service
from mailguard.store.base import Filter
from mailguard.testing import FakeClock, eventually


@dataclass
class HandTime:
    """Stories' minutes, passed by hand: everything that was due is gone before time moves on."""

    service: Service
    clock: FakeClock

    async def pass_by(self, minutes: float) -> None:
        await quiet(self.service)
        for _ in range(int(minutes * 6) + 1):
            await self.clock.advance(10)
            self.service.scheduler.wake()
            await quiet(self.service)


async def quiet(service: Service) -> None:
    """Until nothing is due and nothing is on the wire."""

    async def still() -> bool:
        now = service.clock.now()
        due = await service.store.next_due(now)
        counts = await service.store.counts(now)
        return (due is None or due > now) and not counts.deliveries.get(State.SENDING)

    await eventually(still)


@dataclass
class House:
    """What a flow test plays with."""

    stage: Stage
    clock: FakeClock
    log: io.StringIO

    @property
    def service(self) -> Service:
        return self.stage.service

    async def conserved(self) -> None:
        """Promise 10: accepted = sent + failed + cancelled + waiting, and no delivery is in a state of its own."""
        mails = await self.service.store.find(Filter(limit=100_000))
        states = [d.state for mail in mails for d in mail.deliveries]
        accepted = sum(len(mail.envelope.recipients) for mail in mails)
        added = sum(d.added for mail in mails for d in mail.deliveries)
        assert len(states) == accepted + added
        assert all(state.final or state.waiting for state in states)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = FakeClock()
    world = OutsideWorld(clock)
    await world.start()
    ports = {"smtp": site.free_port(), "world": world.port, "web": site.free_port()}
    log = io.StringIO()
    service = Service(site.build(tmp_path, default_rules(), ports), clock, log)
    await service.start()
    house = House(Stage(service, world, HandTime(service, clock)), clock, log)
    yield house
    await quiet(service)
    await house.conserved()
    await service.stop(drain=2.0)
    await world.stop()
