"""An OpenLDAP server of one's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slapd import Slapd


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    """Not loaded and not started yet."""
    server = Slapd(tmp_path / "slapd")
    yield server
    server.stop()
