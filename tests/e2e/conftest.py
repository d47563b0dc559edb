"""The installed command as a process of its own, with TLS, a user, and a sink that remembers every arrival."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailguard.demo.world import OutsideWorld
from tests.installed import Installed, install


@pytest.fixture
async def installed(tmp_path: Path, sink: OutsideWorld) -> AsyncIterator[Installed]:
    made = await asyncio.to_thread(install, tmp_path, sink.port)
    yield made
    if made.process is not None:
        await asyncio.to_thread(made.end, signal.SIGKILL)


@pytest.fixture
def bare(tmp_path: Path) -> Installed:
    """An installation that no test starts."""
    return install(tmp_path, 9)
