"""One contract suite for every store: a new implementation is one more line in IMPLEMENTATIONS."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mailguard.store.base import Store
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import FakeClock

IMPLEMENTATIONS: dict[str, Callable[[Path, FakeClock], Store]] = {
    "sqlite": lambda folder, clock: SqliteStore(folder / "mail.db", clock=clock),
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def another(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Callable[[], Store]:
    """Makes a store, not open, on the same place each time."""
    return lambda: IMPLEMENTATIONS[request.param](tmp_path, clock)


@pytest.fixture
async def store(another: Callable[[], Store]) -> AsyncIterator[Store]:
    opened = another()
    await opened.open()
    yield opened
    await opened.close()
