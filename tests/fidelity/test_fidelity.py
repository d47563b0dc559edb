"""What is signed, encrypted or special arrives as such, whatever is done to it; docs/fidelity.md says the same."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fidelity.matrix import ACTIONS, Action, Column, Outside, outside, play, table
from tests.fidelity.page import said
from tests.unit.courier.peer import Arrived

pytestmark = pytest.mark.clients("openssl", "gpg", "tnef")


@pytest.fixture
async def world() -> AsyncIterator[Outside]:
    async with outside() as made:
        yield made


async def test_nothing_breaks_unless_its_rule_says_so_and_the_page_has_it_all(world: Outside, tmp_path: Path) -> None:
    columns = [await play(action, world, tmp_path / str(at)) for at, action in enumerate(ACTIONS)]
    for action, column in zip(ACTIONS, columns, strict=True):
        _sound(action, column)
    assert table(world.kinds, columns) == said(), "docs/fidelity.md is stale: make fidelity"


def _sound(action: Action, column: Column) -> None:
    broken = {name for name, cell in column.items() if not cell.whole}
    assert bool(broken) is action.breaks
    assert all(name.startswith("DKIM") for name in broken)  # and never what people themselves have signed
    sealed = {name for name in column if re.match(r"S/MIME|PGP", name)}
    assert not [name for name in sealed if column[name].body]
    if not action.touches:
        assert not [name for name, cell in column.items() if cell.head or cell.body]


async def test_the_proofs_notice_what_a_careless_relay_does(world: Outside) -> None:
    for kind in world.kinds:
        there = Arrived(f"MAIL {' '.join(kind.mail)}", [f"RCPT <kim@client.example> {' '.join(kind.rcpt)}"])
        assert await asyncio.to_thread(kind.proof, there, kind.raw), kind.name
        bare = Arrived("MAIL", ["RCPT <kim@client.example>"])
        assert not await asyncio.to_thread(kind.proof, bare, _careless(kind.raw)), kind.name


def _careless(raw: bytes) -> bytes:
    """Blanks at line ends go, parameters and fields that it does not know go, encoded lines are damaged."""
    for what in (rb"[ \t]+(?=\r\n)", rb"; (?:report-type|method)=[\w-]+", rb"Disposition-Notification-To:.*\r\n"):
        raw = re.sub(what, b"", raw)
    return re.sub(rb"\r\n([\w+/])([\w+/])(?=[\w+/]{50})", rb"\r\n\2\1", raw)
