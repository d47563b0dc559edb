"""SQLite: opening the file, or saying in plain words why not."""

import asyncio
import errno
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from mailguard.errors import ConfigError, StoreBroken, TemporaryFailure
from mailguard.store.sqlite import SqliteStore
from mailguard.store.sqlite.connection import connect_reader
from tests.store.making import NOW, mail, state

ROOT = Path(__file__).parents[2]
OPEN = """
import asyncio, pathlib, sys
from mailguard.store.sqlite import SqliteStore

async def main():
    await SqliteStore(pathlib.Path(sys.argv[1])).open()
    print("open", flush=True)
    sys.stdin.readline()

asyncio.run(main())
"""


@contextmanager
def another_process(path: Path) -> Iterator[int]:
    """A process that has the store open; its id."""
    command = [sys.executable, "-c", OPEN, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        yield other.pid
        other.communicate("\n", timeout=20)


def spoil(path: Path, damage: slice) -> bytes:
    """Overwrite a part of the file; its new content."""
    data = bytearray(path.read_bytes())
    data[damage] = b"\xa5" * len(data[damage])
    with path.open("r+b") as file:
        file.write(data)
    return bytes(data)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        await SqliteStore(path).open()
    return str(caught.value)


async def opened(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    await store.open()
    return store


async def test_the_settings_that_durability_hangs_on(tmp_path: Path) -> None:
    store = await opened(tmp_path / "mail.db")
    assert store._writer is not None
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
    found = await store._writer.run(lambda db: [db.execute(f"PRAGMA {name}").fetchone()[0] for name in names])
    assert found == ["wal", 2, 1, 1, 5000]
    await store.close()


async def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    (tmp_path / "mail.db").touch(mode=0o644)
    store = await opened(tmp_path / "mail.db")
    await store.put(mail(), NOW)
    assert modes(tmp_path) == {0o600}
    await store.close()


async def test_a_second_process_is_told_which_one_has_it(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    with another_process(path) as pid:
        said = await refusal(path)
    assert f"in use by process {pid}" in said
    assert "stop that one first" in said
    await (await opened(path)).close()


async def test_a_second_store_in_this_process_is_refused_too(tmp_path: Path) -> None:
    store = await opened(tmp_path / "mail.db")
    assert f"in use by process {os.getpid()}" in await refusal(tmp_path / "mail.db")
    await store.close()
    await (await opened(tmp_path / "mail.db")).close()


async def test_a_refusal_gives_the_lock_back(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    path.write_bytes(b"not a database at all" * 1000)
    await refusal(path)
    path.unlink()
    await (await opened(path)).close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    await (await opened(path)).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 4711")
    db.close()
    assert "newer mailguard (schema 4711" in await refusal(path)


async def test_another_programs_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    assert "another program" in await refusal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", [slice(0, 100), slice(100, 4096), slice(0, None)])
async def test_a_damaged_file_is_refused_and_kept(tmp_path: Path, damage: slice) -> None:
    path = tmp_path / "mail.db"
    await (await opened(path)).close()
    data = spoil(path, damage)
    said = await refusal(path)
    assert "damaged or not a database" in said
    assert "restore a backup" in said
    assert path.read_bytes() == data


async def test_a_place_that_cannot_be_is_explained(tmp_path: Path) -> None:
    assert "does not exist" in await refusal(tmp_path / "nowhere" / "mail.db")
    assert "is a folder" in await refusal(tmp_path)
    (tmp_path / "file").write_text("")
    assert "does not exist" in await refusal(tmp_path / "file" / "mail.db")


async def test_a_folder_that_is_not_writable_is_explained() -> None:
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp))  # below no folder that is only ours
    await asyncio.to_thread(folder.chmod, 0o555)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # root may write everywhere
    try:
        assert "not writable" in await refusal(folder / "mail.db")
    finally:
        os.seteuid(was)
        await asyncio.to_thread(folder.rmdir)


async def test_a_file_system_that_became_read_only_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("mailguard.store.sqlite.connection.os.open", read_only)
    assert "its file system is read-only" in await refusal(tmp_path / "mail.db")


async def test_a_locked_database_is_a_temporary_failure(tmp_path: Path) -> None:
    store = await opened(tmp_path / "mail.db")
    assert store._writer is not None
    await store._writer.run(lambda db: db.execute("PRAGMA user_version").fetchone())
    store._writer._db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "mail.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TemporaryFailure, match="busy"):
        await store.put(mail(), NOW)
    other.execute("ROLLBACK")
    other.close()
    await store.put(mail(), NOW)
    assert await state(store) == "queued"
    await store.close()


async def test_a_closed_store_says_try_again_later(tmp_path: Path) -> None:
    store = await opened(tmp_path / "mail.db")
    pending = [asyncio.create_task(store.put(mail(f"Q{i}"), NOW)) for i in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*pending)  # what was asked before closing is done
    with pytest.raises(TemporaryFailure):
        await store.put(mail("LATE"), NOW)
    with pytest.raises(TemporaryFailure):
        await store.get("Q1")
    again = await opened(tmp_path / "mail.db")
    assert sum((await again.counts(NOW)).deliveries.values()) == 20
    await again.close()


async def test_readers_cannot_write(tmp_path: Path) -> None:
    store = await opened(tmp_path / "mail.db")
    reader = connect_reader(tmp_path / "mail.db")
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("DELETE FROM mail")
    reader.close()
    await store.close()
    assert not (tmp_path / "mail.db-wal").exists()


async def test_the_database_itself_refuses_to_leave_a_final_state(tmp_path: Path) -> None:
    store = await opened(tmp_path / "mail.db")
    await store.put(mail(delay=5), NOW)
    assert store._writer is not None
    ended = "UPDATE delivery SET state = 'cancelled', due_at = NULL, ended_at = 1"
    await store._writer.run(lambda db: db.execute(ended).rowcount)
    with pytest.raises(TemporaryFailure) as caught:
        await store._writer.run(lambda db: db.execute("UPDATE delivery SET state = 'queued', due_at = 1").rowcount)
    assert "has ended" in str(caught.value.__cause__)
    await store.close()


async def test_damage_found_while_looking_stops_everything(tmp_path: Path) -> None:
    store = await opened(tmp_path / "mail.db")
    await asyncio.gather(*(store.put(mail(f"Q{i}"), NOW) for i in range(50)))
    await store.close()
    told: list[BaseException] = []
    store = SqliteStore(tmp_path / "mail.db", on_broken=told.append)
    await store.open()
    spoil(tmp_path / "mail.db", slice(4096, None))
    with pytest.raises(StoreBroken):
        await store.get("Q1")
    with pytest.raises(StoreBroken):
        await store.put(mail("LATE"), NOW)
    assert len(told) == 1
    await store.close()


@pytest.mark.timeout(20)  # it must not wait for ever
async def test_many_waiting_for_a_locked_database_wait_once(tmp_path: Path) -> None:
    store = await opened(tmp_path / "mail.db")
    assert store._writer is not None
    store._writer._db.execute("PRAGMA busy_timeout = 200")
    other = sqlite3.connect(tmp_path / "mail.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(*(store.put(mail(f"Q{i}"), NOW) for i in range(100)), return_exceptions=True)
    assert {type(r) for r in results} == {TemporaryFailure}
    other.close()
    await store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE mail SET attachments = '{['",
        "UPDATE mail SET attachments = CAST(x'ff' AS TEXT)",
        "UPDATE delivery SET state = 'sant'",
        "DELETE FROM mail",
    ],
)
async def test_a_record_that_makes_no_sense_stops_everything(tmp_path: Path, damage: str) -> None:
    """A flipped bit inside a value is none of SQLite's business."""
    heard: list[BaseException] = []
    store = SqliteStore(tmp_path / "mail.db", on_broken=heard.append)
    await store.open()
    await store.put(mail(), NOW)
    other = sqlite3.connect(tmp_path / "mail.db", isolation_level=None)
    other.execute("PRAGMA ignore_check_constraints = 1")
    for (name,) in other.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        other.execute(f"DROP TRIGGER {name}")
    other.execute(damage)
    other.close()

    async def look() -> None:
        await store.claim("w", NOW, lease=timedelta(minutes=1), limit=10, per_destination=10, skip={})
        await store.get(mail().queue_id)  # of a state that is none nothing is ever due: it is met by whoever looks

    with pytest.raises(StoreBroken):
        await look()
    await asyncio.sleep(0)
    assert len(heard) == 1
    await store.close()


async def test_a_definition_that_sqlite_quotes_in_broken_bytes_is_damage_too(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    store = await opened(path)
    await store.close()
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE mail (", b"CREATE \xccABLE mail ("))
    assert "is damaged" in await refusal(path)


async def test_a_count_of_no_state_at_all_is_damage(tmp_path: Path) -> None:
    heard: list[BaseException] = []
    store = SqliteStore(tmp_path / "mail.db", on_broken=heard.append)
    await store.open()
    other = sqlite3.connect(tmp_path / "mail.db", isolation_level=None)
    other.execute("UPDATE tally SET state = 'sant' WHERE state = 'sent'")
    other.close()
    with pytest.raises(StoreBroken):
        await store.counts(NOW)
    await asyncio.sleep(0)
    assert len(heard) == 1
    await store.close()
