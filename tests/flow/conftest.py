"""Flow tests: a whole mailguard in this process, with real sockets, real SQLite, and a clock moved by hand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest

from mailguard.demo.world import OutsideWorld
from tests.flow.house import House, LeapingClock, build
from tests.unit.courier.peer import Peer

OpenHouse = Callable[..., Awaitable[House]]


@pytest.fixture
async def open_house(tmp_path: Path) -> AsyncIterator[OpenHouse]:
    """Builds houses, with the arguments of `house.build`; each is checked and closed at the end of the test."""
    houses: list[House] = []
    worlds: list[OutsideWorld] = []
    numbers = count(1)

    async def build_one(**changes: object) -> House:
        clock = LeapingClock()
        world = OutsideWorld(clock)
        worlds.append(world)
        await world.start()
        config = build(tmp_path / f"house{next(numbers)}", world, **changes)  # type: ignore[arg-type]
        house = House(config, world, clock)
        houses.append(house)
        await house.start()
        return house

    yield build_one
    try:
        for house in houses:
            if house.running:
                await house.quiet()
                await house.conserved()
    finally:
        for house in houses:
            await house.close()
        for world in worlds:
            await world.stop()


@pytest.fixture
async def house(open_house: OpenHouse) -> House:
    """The demo's installation: the shipped policy and the stories' people."""
    return await open_house()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """A next hop that does what it is told."""
    peer = await Peer("8BITMIME", "SIZE 100000000", "DSN").start()
    yield peer
    await peer.stop()
