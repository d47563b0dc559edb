"""Flow tests: a whole mailguard in this process, with real sockets, real SQLite, and a clock moved by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest
import uvicorn

from mailguard.demo.world import OutsideWorld
from tests.flow.house import House, LeapingClock, build
from tests.oauth import SCRIPT, OAuth, running
from tests.unit.courier.peer import Peer
from tests.web.openid import install


class _Brisk(uvicorn.Server):
    async def main_loop(self) -> None:
        """uvicorn looks ten times a second whether it shall end; with hundreds of houses that is half of the time."""
        while not self.should_exit:  # noqa: ASYNC110 - it is a plain attribute of uvicorn's
            await asyncio.sleep(0.005)


OpenHouse = Callable[..., Awaitable[House]]


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Web servers that end at once."""
    monkeypatch.setattr(uvicorn.Server, "main_loop", _Brisk.main_loop)


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


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real OpenID provider that gives tokens for mail, where node finds what it needs."""
    return install(tmp_path_factory.mktemp("provider"), SCRIPT)


@pytest.fixture
async def provider(script: Path) -> AsyncIterator[OAuth]:
    """It, while it runs."""
    async with running(script) as provider:
        yield provider
