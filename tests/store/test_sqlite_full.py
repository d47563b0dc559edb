"""SQLite on a disk without room, and a log that was damaged: what the store does about it by itself."""

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from mailguard.errors import ConfigError, StoreBroken, StoreFull
from mailguard.store.sqlite import SqliteStore, failures, reserve
from mailguard.testing import FakeClock
from tests.store.making import NOW, body, carry, mail, state


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def opened(path: Path, clock: FakeClock) -> SqliteStore:
    store = SqliteStore(path / "mail.db", clock=clock)
    await store.open()
    return store


async def test_room_is_really_taken_beside_the_database(tmp_path: Path, clock: FakeClock) -> None:
    store = await opened(tmp_path, clock)
    kept = (tmp_path / "mail.db.reserve").stat()
    assert kept.st_blocks * 512 >= kept.st_size == reserve.SIZE
    await store.close()


async def test_new_mail_needs_room_for_itself_twice(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path, clock)
    await store.put(mail(), NOW)
    monkeypatch.setattr(reserve.Reserve, "free", lambda _: 5 << 20)
    with pytest.raises(StoreFull):
        await store.put(mail("LARGE", raw=bytes(3 << 20)), NOW)
    await store.put(mail("SMALL"), NOW)
    await carry(store)
    assert await state(store, "SMALL") == "sent"
    await store.close()


async def test_room_for_a_large_mail_is_tried_for_a_quota_says_nothing(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in the log it would have to go into the database, too: what was accepted could not leave any more."""
    store = await opened(tmp_path, clock)
    monkeypatch.setattr(reserve, "room", lambda _folder, size: size < 20 << 20)
    with pytest.raises(StoreFull):
        await store.put(mail("LARGE", raw=bytes(10 << 20)), NOW)
    await store.put(mail("SMALL"), NOW)
    await store.close()


def cannot_write(_db: sqlite3.Connection) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    raise error


@pytest.mark.parametrize("room", [False, True], ids=["a quota that is used up", "a disk that fails"])
async def test_a_write_that_fails_for_a_quota_is_a_full_disk_and_no_broken_one(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    store = await opened(tmp_path, clock)
    monkeypatch.setattr(failures, "room", lambda _folder, _size: room)
    with pytest.raises(StoreBroken if room else StoreFull):
        await store._write(cannot_write)
    assert (store._writer is not None and store._writer.broken) is room
    await store.close()


async def test_new_mail_waits_until_the_reserve_is_there_again(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reserve.Reserve, "_allocate", lambda _: False)
    store = await opened(tmp_path, clock)
    for _ in range(2):
        with pytest.raises(StoreFull):
            await store.put(mail(), NOW)
    assert store.reserve_spent
    monkeypatch.undo()
    with pytest.raises(StoreFull):  # it looks every ten seconds
        await store.put(mail(), NOW)
    await clock.advance(11)
    await store.put(mail(), NOW)
    assert (tmp_path / "mail.db.reserve").exists()
    assert not store.reserve_spent
    await store.close()


async def with_log(folder: Path, clock: FakeClock) -> tuple[Path, bytes]:
    """What a killed process leaves after eight mails: the database, and the log's bytes."""
    store = await opened(folder, clock)
    for number in range(8):
        await store.put(mail(f"Q{number}", raw=b"x" * 20_000), NOW)
    copy = folder / "copy"
    copy.mkdir()
    for name in ("mail.db", "mail.db-wal"):
        await asyncio.to_thread(shutil.copy, folder / name, copy)
    await store.close()
    return copy / "mail.db", (copy / "mail.db-wal").read_bytes()


@pytest.mark.parametrize("at", [4, 24, 40, 48, 100, 100_000])
async def test_a_log_damaged_before_its_end_is_refused_and_left_as_it_is(
    tmp_path: Path, clock: FakeClock, at: int
) -> None:
    path, whole = await with_log(tmp_path, clock)
    bad = bytearray(whole)
    bad[at] ^= 1
    log = path.with_name("mail.db-wal")
    log.write_bytes(bad)
    with pytest.raises(ConfigError, match="is damaged"):
        await SqliteStore(path).open()
    assert log.read_bytes() == bytes(bad)


@pytest.mark.parametrize("left", [0, 10, 40, 3000])
async def test_a_log_that_a_crash_broke_off_is_no_damage(tmp_path: Path, clock: FakeClock, left: int) -> None:
    path, whole = await with_log(tmp_path, clock)
    path.with_name("mail.db-wal").write_bytes(whole[: len(whole) - left])
    store = await opened(path.parent, clock)
    assert await body(store, "Q6") == b"x" * 20_000
    await store.close()


async def test_a_log_without_its_database_is_kept(tmp_path: Path, clock: FakeClock) -> None:
    path, whole = await with_log(tmp_path, clock)
    path.unlink()
    with pytest.raises(ConfigError, match="the database is gone"):
        await SqliteStore(path).open()
    assert path.with_name("mail.db-wal").read_bytes() == whole
