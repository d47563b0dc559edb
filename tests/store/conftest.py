"""One contract suite for every store: a new implementation is one more line in IMPLEMENTATIONS."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mailguard.store.base import Store
from mailguard.store.postgres import PostgresStore
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import FakeClock
from tests.postgres import Postgres


def _sqlite(request: pytest.FixtureRequest, folder: Path, clock: FakeClock) -> Callable[[], Store]:
    return lambda: SqliteStore(folder / "mail.db", clock=clock)


def _postgres(request: pytest.FixtureRequest, folder: Path, clock: FakeClock) -> Callable[[], Store]:
    server: Postgres = request.getfixturevalue("postgres")
    url = server.fresh()
    return lambda: PostgresStore(url, clock=clock, callers_clock=True)


IMPLEMENTATIONS = {"sqlite": _sqlite, "postgres": _postgres}


# For what only one of them has: files of its own.
sqlite_only = pytest.mark.parametrize("another", ["sqlite"], indirect=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def another(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Callable[[], Store]:
    """Makes a store, not open, on the same place each time."""
    return IMPLEMENTATIONS[request.param](request, tmp_path, clock)


@pytest.fixture
async def store(another: Callable[[], Store]) -> AsyncIterator[Store]:
    opened = another()
    await opened.open()
    yield opened
    await opened.close()
