"""Markers that name programs, and what every test may ask for.

`@pytest.mark.clients("swaks", "smtp-sink")` needs those two, a bare `clients` all of them,
`browser` a Chromium. Missing: skipped, or failed with REQUIRE_TOOLS=1. `tests/install-tools` installs them.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests import tools

if TYPE_CHECKING:
    from mailguard.demo.world import OutsideWorld
    from tests.postgres import Postgres

# The same examples every time: a failure is there again in the next run, and on the next machine.
settings.register_profile("stable", derandomize=True, deadline=None, database=None)
settings.load_profile("stable")
pytest.register_assert_rewrite("tests.fuzz.targets", "tests.fuzz.model", "tests.fuzz.machine")

_missing: dict[str, int] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for program in _needed(item):
        need(program)


def _needed(item: pytest.Item) -> list[str]:
    needed = ["chromium"] if item.get_closest_marker("browser") else []
    for mark in item.iter_markers("clients"):
        needed += mark.args or tools.CLIENTS
    return needed


def need(program: str) -> str:
    """The program's path; skips the test without it, or fails it with REQUIRE_TOOLS=1."""
    path = tools.find(program)
    if path is not None:
        return path
    _missing[program] = _missing.get(program, 0) + 1
    why = f"{program} is not installed; tests/install-tools installs it"
    if tools.required():
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


@pytest.fixture
def tool() -> Callable[[str], str]:
    """`tool("swaks")` is the program's path, or the test does not run."""
    return need


@pytest.fixture(scope="session")
def postgres() -> Iterator["Postgres"]:
    """One server for all tests of a process."""
    from tests.postgres import running  # it asks this module for the program

    with running() as server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for program, count in sorted(_missing.items()):
        terminalreporter.section("NOT TESTED", sep="*", red=True, bold=True)
        terminalreporter.line(f"{count} tests did not run: {program} is missing (tests/install-tools)")


@pytest.fixture
async def sink() -> "AsyncIterator[OutsideWorld]":
    """A next hop that remembers every arrival."""
    from mailguard.clock import SystemClock
    from mailguard.demo.world import OutsideWorld

    world = OutsideWorld(SystemClock())
    await world.start()
    yield world
    await world.stop()
