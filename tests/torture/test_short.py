"""The short form of the fault suite: a few runs of each fault, always with the same seed.

Faults with `short=0` take too long or too much memory here; `make torture` runs them.
"""

import asyncio
from pathlib import Path

import pytest

from tests.conftest import need
from tests.torture import faults
from tests.torture.fault import FAULTS, Fault, attempt, trial

SEED = 20261126

faults.load()


@pytest.mark.slow
@pytest.mark.parametrize("one", [pytest.param(one, id=one.id) for one in FAULTS if one.short])
async def test_short(one: Fault, tmp_path: Path) -> None:
    for program in one.needs:
        need(program)
    for number in range(one.short):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with asyncio.timeout(one.seconds):
            await attempt(one, trial(one, number, SEED, folder))
