"""SQLite: what is kept of conversations and texts is little, says nothing, and is forgotten."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from mailguard.mail.sketch import sketch
from mailguard.mail.text import Text
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from mailguard.store.sqlite import SqliteStore
from tests.store.making import ANN, NOW
from tests.store.test_threads import SKETCH, TEXT, A, put, sent

KEEP = Retention(timedelta(days=7), timedelta(days=400), timedelta(days=90))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore(tmp_path / "mail.db")
    await opened.open()
    yield opened
    await opened.close()


async def test_the_same_text_in_one_conversation_is_kept_once(store: Store, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        await sent(store, number, [A], "<1@c>" if number > 1 else "", sketch=SKETCH, per={A: {"external": True}})
    assert len(await store.heard(SKETCH.new)) == 1
    assert rows(tmp_path, "passage") == len(SKETCH.new)
    assert rows(tmp_path, "sketch") == 0


async def test_what_was_remembered_is_forgotten(store: Store, tmp_path: Path) -> None:
    await sent(store, 1, [A], sketch=SKETCH, confidential=True, per={A: {"external": True}})
    await put(store, 2, [A], "<1@c>", sketch=SKETCH, delay=5)
    await store.cancel("Q2", by=ANN, now=NOW)
    assert rows(tmp_path, "sketch") == 1
    await store.purge(NOW + timedelta(days=8), KEEP)
    assert (rows(tmp_path, "sketch"), len(await store.heard(SKETCH.new))) == (0, 1)
    await store.purge(NOW + timedelta(days=91), KEEP)
    assert [rows(tmp_path, table) for table in ("audience", "passage", "thread", "thread_message")] == [0, 0, 0, 0]


async def test_only_hashes_are_kept_and_few_of_them(store: Store, tmp_path: Path) -> None:
    """No word of a text, not even a folded one, is anywhere in the file but in the mail's own bytes."""
    words = [f"zebra{number:03}" for number in range(600)]
    long = sketch(Text("\n".join(" ".join(words[at : at + 12]) for at in range(0, 600, 12)), quoted=TEXT))
    await sent(store, 1, [A], sketch=long)
    await put(store, 2, [A], "<1@c>", sketch=long, delay=5)
    file = everything(tmp_path)
    assert b"zebra" not in file
    assert b"supplier" not in file
    assert len(long.own) <= 32
    assert len(long.new + long.quoted) <= 32


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def rows(folder: Path, table: str) -> int:
    db = sqlite3.connect(folder / "mail.db")
    count = int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    db.close()
    return count
