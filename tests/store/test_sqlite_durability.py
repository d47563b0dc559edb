"""SQLite: what was acknowledged survives kill -9; a full or failing disk is told truthfully."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mailguard.errors import StoreFull
from mailguard.records import State
from mailguard.store.sqlite import SqliteStore
from tests.store.making import NOW, body, carry, mail, state

ROOT = Path(__file__).parents[2]


def run(script: str, *args: object) -> list[str]:
    """A script of this folder, with its arguments: its lines."""
    command = [sys.executable, "-m", f"tests.store.{script}", *map(str, args)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def killed(path: Path, size: int, acknowledged: int) -> list[str]:
    """Put mail until so many were acknowledged, kill -9, and return all that were."""
    command = [sys.executable, "-m", "tests.store.acknowledge", str(path), str(size)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        promised = [process.stdout.readline().strip() for _ in range(acknowledged)]
        os.kill(process.pid, signal.SIGKILL)
        return promised + [line.strip() for line in process.stdout if line.endswith("\n")]


@pytest.mark.parametrize(("size", "acknowledged"), [(4000, 300), (1 << 20, 20)])
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, size: int, acknowledged: int) -> None:
    path = tmp_path / "mail.db"
    promised = killed(path, size, acknowledged)
    store = SqliteStore(path)
    await store.open()
    for queue_id in promised:
        assert await body(store, queue_id) == queue_id.encode() + b"x" * size
    counts = (await store.counts(NOW)).deliveries
    assert counts[State.QUEUED] >= len(promised) >= acknowledged
    await store.close()


async def test_a_killed_process_leaves_no_part_of_a_mail(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    killed(path, 3 << 20, 1)
    store = SqliteStore(path)
    await store.open()
    await store.close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM chunk WHERE id >> 16 NOT IN (SELECT id FROM mail)").fetchone() == (0,)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


async def test_a_full_disk_refuses_new_mail_and_keeps_what_is_there(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    await store.put(mail(), NOW)
    assert store._writer is not None
    room = await store._writer.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0]) + 40
    await store._writer.run(lambda db: db.execute(f"PRAGMA max_page_count = {room}").fetchone())
    big = [store.put(mail(f"BIG{i}", raw=bytes(1 << 20)), NOW) for i in range(2)]
    small = [store.put(mail(f"SMALL{i}"), NOW) for i in range(2)]
    results = await asyncio.gather(big[0], small[0], big[1], small[1], return_exceptions=True)
    assert [type(r) for r in results] == [StoreFull, str, StoreFull, str]
    assert (str(results[0]), getattr(results[0], "code", 0)) == ("no room to keep this mail, try again later", 452)
    assert await store.get("BIG0") is None
    await carry(store)  # what is kept goes on leaving
    assert {await state(store, q) for q in ("Q1", "SMALL0", "SMALL1")} == {State.SENT}
    await store.close()


def test_a_disk_that_fails_stops_everything_and_is_told_once(tmp_path: Path) -> None:
    lines = run("fail", tmp_path / "mail.db")
    assert lines == ["Q2 StoreBroken", "Q3 StoreBroken", "Q4 StoreBroken", "told 1"]


def test_a_large_mail_is_never_copied_whole(tmp_path: Path) -> None:
    size = 32 << 20
    (grown,) = run("measure", tmp_path / "mail.db", size)
    assert int(grown) < 0.2 * size


async def test_looking_does_not_wait_behind_a_large_put(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    await store.put(mail(), NOW)
    large = asyncio.create_task(store.put(mail("BIG", raw=bytes(64 << 20)), NOW))
    looks = 0
    while not large.done():
        assert await store.get("Q1") is not None
        await store.facts_for("ann@corp.example", ["bob@client.example"], [])
        looks += 1
    await large
    assert looks >= 3
    await store.close()


async def test_many_large_mails_at_once_do_not_become_one_huge_commit(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    raw = bytes(5 << 20)
    await asyncio.gather(*(store.put(mail(f"Q{i}", raw=raw), NOW) for i in range(20)))
    log = await asyncio.to_thread((tmp_path / "mail.db-wal").stat)
    assert log.st_size < 50 << 20
    await store.close()
