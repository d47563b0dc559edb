"""Up from stores that earlier versions left full of mail: nothing of it is lost, and what waited arrives as it was."""

import asyncio
import contextlib
import json
import sqlite3
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mailguard.demo.world import OutsideWorld
from mailguard.store.moving.tables import TABLES
from tests.installed import Installed
from tests.postgres import USER, Postgres
from tests.upgrade.made import STORES, body, listed, prepared

pytestmark = pytest.mark.timeout(300)
FILES = sorted(path.name.removesuffix(".tar.xz") for path in STORES.glob("sqlite-*"))
BASES = sorted(path.name.removesuffix(".tar.xz") for path in STORES.glob("postgresql-*"))
ENCRYPTED = {"sqlite-17", "postgresql-6"}
Rows = dict[str, Counter[tuple[tuple[str, Any], ...]]]


def unpacked(name: str, folder: Path) -> dict[str, Any]:
    """What its maker knew of it."""
    with tarfile.open(STORES / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    told: dict[str, Any] = json.loads((folder / "told.json").read_text("utf-8"))
    return told


def in_file(path: Path) -> Rows:
    """Every row of every table that a move would copy."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        there = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return {
            table.name: Counter(tuple(dict(row).items()) for row in db.execute(f"SELECT * FROM {table.name}"))
            for table in TABLES
            if table.name in there
        }


def in_base(server: Postgres, database: str) -> Rows:
    said = server.say("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database)
    there = set(said.split()) - {"schema_version", "node", "committed"}
    return {
        name: Counter(
            tuple((key, repr(value)) for key, value in json.loads(line).items())
            for line in server.say(f"SELECT row_to_json(t) FROM {name} t", database).splitlines()
        )
        for name in there
    }


def lost(before: Rows, after: Rows) -> dict[str, list[Any]]:
    """Rows that are not there any more, by the columns they had."""
    found = {}
    for table, rows in before.items():
        columns = {column for row in rows for column, _ in row}
        now = Counter({}) if table not in after else Counter(
            tuple(item for item in row if item[0] in columns) for row in after[table].elements()
        )  # fmt: skip
        if missing := list((rows - now).elements()):
            found[table] = missing
    return found


def full(rows: Rows) -> None:
    """The maker did fill it: a comparison of nothing with nothing finds nothing."""
    wanted = (
        "mail envelope chunk version delivery hold notice event capability thread thread_member sketch audience text"
    )
    wanted += " passage written habit token"
    assert {name for name in wanted.split() if not rows[name]} == set()
    states = {dict(row)["state"] for row in rows["delivery"]}
    assert {state.strip("'") for state in states} >= {"queued", "held", "sent", "cancelled"}


def waiting(told: dict[str, Any]) -> dict[str, set[str]]:
    """Queue id → who has still to get it."""
    found = {
        mail["queue_id"]: {one["address"] for one in mail["deliveries"] if one["state"] in {"queued", "held"}}
        for mail in told["mails"]
    }
    return {queue_id: addresses for queue_id, addresses in found.items() if addresses}


async def arrives(installed: Installed, sink: OutsideWorld, told: dict[str, Any], *, resume: bool = False) -> None:
    """All that waited leaves when it is told to, saying what it said; what had ended does not come again."""
    assert "all is well" in await _said(installed, "db", "check")
    assert "error" not in await _said(installed, "audit", "verify")
    await asyncio.to_thread(installed.start)
    if resume:
        await asyncio.to_thread(installed.command, "queue", "resume", "--yes")
    ids, left = told["ids"], waiting(told)
    assert len(left) >= 7
    with contextlib.suppress(AssertionError):  # with the years it may have left by itself
        await asyncio.to_thread(installed.command, "queue", "send", "--yes", *left)
    wanted = {(number, address) for number, name in NUMBERS.items() for address in left.get(ids[name], ())}

    def here() -> set[tuple[int, str]]:
        mails = [caught for caught in sink.caught if not caught.is_notice]
        numbers = {caught: int(caught.subject.removeprefix("Letter ")) for caught in mails}
        assert [caught for caught in mails if caught.text.split() != body(numbers[caught]).split()] == []
        return {(numbers[caught], address) for caught in mails for address in caught.recipients}

    await sink.wait_for(lambda _: here() >= wanted, within=40)
    assert here() == wanted
    assert len([caught for caught in sink.caught if not caught.is_notice]) == len(
        {(caught.subject, caught.recipients) for caught in sink.caught if not caught.is_notice}
    ), "none twice"
    now = {mail["queue_id"] for mail in await asyncio.to_thread(listed, installed)}
    assert now >= {mail["queue_id"] for mail in told["mails"]}


NUMBERS = {1: "waits", 2: "held", 3: "answer", 4: "copied", 5: "dropped", 6: "stopped", 7: "cancelled", 8: "sent",
           9: "deferred", 10: "unheard", 11: "left"}  # fmt: skip


async def _said(installed: Installed, *verb: str) -> str:
    done = await asyncio.create_subprocess_exec(
        installed.program, "--config", installed.config, *verb,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await done.communicate()
    assert done.returncode == 0, said.decode()
    return said.decode()


async def _with(folder: Path, sink: OutsideWorld, name: str, store: str) -> Installed:
    return await asyncio.to_thread(lambda: prepared(folder, sink.port, store, encrypted=name in ENCRYPTED))


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
async def test_a_file_comes_up_and_all_that_waited_arrives(tmp_path: Path, sink: OutsideWorld, name: str) -> None:
    told = unpacked(name, tmp_path)
    installed = await _with(tmp_path, sink, name, "sqlite:mail.db")
    before = in_file(tmp_path / "mail.db")
    full(before)
    try:
        await asyncio.to_thread(installed.command, "db", "migrate")
        assert lost(before, in_file(tmp_path / "mail.db")) == {}
        await arrives(installed, sink, told)
        assert "queue.paused" not in installed.log
    finally:
        await _ended(installed)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
async def test_a_backup_made_before_comes_up_too_and_sends_nothing_unasked(
    tmp_path: Path, sink: OutsideWorld, name: str
) -> None:
    told = unpacked(name, tmp_path)
    (tmp_path / "mail.db.epoch").unlink()
    (tmp_path / "backup.db").rename(tmp_path / "mail.db")
    installed = await _with(tmp_path, sink, name, "sqlite:mail.db")
    before = in_file(tmp_path / "mail.db")
    full(before)
    try:
        await asyncio.to_thread(installed.start)
        assert "queue.paused" in installed.log
        ours = await asyncio.to_thread(listed, installed)
        assert {mail["queue_id"] for mail in ours} >= {mail["queue_id"] for mail in told["mails"]}
        assert sink.caught == []
    finally:
        await _ended(installed)
    assert set(lost(before, in_file(tmp_path / "mail.db"))) <= {"notice", "memory"}


@pytest.mark.slow
@pytest.mark.parametrize("name", BASES)
async def test_a_database_comes_up_and_all_that_waited_arrives(
    tmp_path: Path, sink: OutsideWorld, postgres: Postgres, name: str
) -> None:
    told, database = unpacked(name, tmp_path), name.replace("-", "_")
    await asyncio.to_thread(postgres.say, f"CREATE DATABASE {database}")
    await asyncio.to_thread(postgres.read, tmp_path / "dump.sql", database)
    url = f"postgresql://{USER}@/{database}?host={postgres.folder}"
    installed = await _with(tmp_path, sink, name, url)
    before = await asyncio.to_thread(in_base, postgres, database)
    full(before)
    try:
        await asyncio.to_thread(installed.command, "db", "migrate")
        assert lost(before, await asyncio.to_thread(in_base, postgres, database)) == {}
        await arrives(installed, sink, told, resume=True)
        assert "queue.paused" in installed.log, "a dump read into another database may be an old one"
    finally:
        await _ended(installed)


def test_a_row_that_is_gone_or_changed_would_be_noticed() -> None:
    before: Rows = {"mail": Counter({(("id", 1), ("size", 5)): 1, (("id", 2), ("size", 6)): 1})}
    assert lost(before, {"mail": Counter({(("id", 1), ("size", 5), ("new", "")): 1})}) == {
        "mail": [(("id", 2), ("size", 6))]
    }
    assert lost(before, {}) != {}


async def _ended(installed: Installed) -> None:
    if installed.process is not None:
        await asyncio.to_thread(installed.end)
