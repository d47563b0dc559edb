"""A store that may be a copy: nothing leaves it before a person says so."""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mailguard.errors import StoreBroken
from mailguard.records import NewNotice, NoticeKind, OnExpiry, State
from mailguard.store.base import Store
from mailguard.store.sqlite import SqliteStore, backup
from tests.store.making import ADMIN, LEASE, NOW, carry, claim, hold, later, mail, state

Another = Callable[[], Store]


async def notices(store: Store) -> int:
    found = await store.claim_notices(NOW, lease=LEASE, limit=9, digest_over=3, digest_within=LEASE)
    return len(found)


def quiet(_done: int, _of: int) -> None:
    pass


async def copied(tmp_path: Path) -> SqliteStore:
    """A backup of a store with something of everything due, opened elsewhere."""
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    await store.put(mail("DUE"), NOW)
    expiring = hold(expires_at=later(1), on_expiry=OnExpiry.SEND)
    await store.put(mail("HELD", holds=[expiring], per={"bob@client.example": {"state": State.HELD}}), NOW)
    await store.notify([NewNotice(NoticeKind.HELD, "ann@corp.example", "HELD")], NOW)
    (tmp_path / "elsewhere").mkdir()
    backup(tmp_path / "mail.db", tmp_path / "elsewhere" / "mail.db", quiet)
    await store.close()
    copy = SqliteStore(tmp_path / "elsewhere" / "mail.db")
    await copy.open()
    return copy


async def test_a_first_start_and_an_ordinary_restart_are_no_doubt(another: Another) -> None:
    for _ in range(3):
        store = another()
        await store.open()
        assert store.paused == ""
        assert not await store.resume(by=ADMIN, now=NOW)
        await store.close()


async def test_a_copy_hands_out_nothing_and_is_never_due(tmp_path: Path) -> None:
    store = await copied(tmp_path)
    assert "backup copy" in store.paused
    assert await claim(store, later(5)) == []
    assert await notices(store) == 0
    assert await store.expire(later(5)) == []
    assert await store.next_due() is None
    assert (await state(store, "DUE"), await state(store, "HELD")) == (State.QUEUED, State.HELD)
    await store.close()


async def test_what_an_end_of_the_process_cut_off_waits_for_the_word_too(tmp_path: Path) -> None:
    store = await copied(tmp_path)
    await store._write(lambda db: db.execute("UPDATE delivery SET crashes = 1"))
    assert await store.claim_interrupted("worker", later(5), lease=LEASE) == []
    await store.resume(by=ADMIN, now=NOW)
    assert [one.mail.queue_id for one in await store.claim_interrupted("worker", later(5), lease=LEASE)] == ["DUE"]
    await store.close()


async def test_a_copy_accepts_and_lets_people_decide_meanwhile(tmp_path: Path) -> None:
    store = await copied(tmp_path)
    await store.put(mail("NEW"), NOW)
    await store.cancel("DUE", by=ADMIN, now=NOW)
    assert await claim(store) == []
    assert (await state(store, "NEW"), await state(store, "DUE")) == (State.QUEUED, State.CANCELLED)
    await store.close()


async def test_it_stays_so_over_restarts_until_it_is_resumed_and_then_sends_once(tmp_path: Path) -> None:
    store = await copied(tmp_path)
    why = store.paused
    await store.close()
    store = SqliteStore(store.path)
    await store.open()
    assert store.paused == why
    assert await store.resume(by=ADMIN, now=NOW)
    assert store.paused == ""
    assert len(await carry(store)) == 1
    assert await notices(store) == 1
    assert [ended.outcome for ended in await store.expire(later(5))] == ["send"]
    await store.close()
    store = SqliteStore(store.path)
    await store.open()
    assert store.paused == "", "what was resumed stays so"
    await store.close()


async def test_the_audit_has_both(tmp_path: Path) -> None:
    store = await copied(tmp_path)
    await store.resume(by=ADMIN, now=NOW)
    assert store._writer is not None
    rows = await store._writer.run(lambda db: db.execute("SELECT kind, actor FROM event WHERE mail IS NULL").fetchall())
    found = [(row["kind"], row["actor"]) for row in rows if row["kind"].startswith("queue.")]
    assert found == [("queue.paused", "mailguard (start)"), ("queue.resumed", str(ADMIN))]
    await store.close()


async def work(store: Store, number: int) -> None:
    await store.put(mail(f"W{number}"), NOW)
    await carry(store)


async def lived(path: Path, mails: int = 3) -> None:
    """A store that sent some mails and was closed."""
    store = SqliteStore(path)
    await store.open()
    for number in range(mails):
        await work(store, number)
    await store.close()


async def doubt(path: Path) -> str:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    return store.paused


async def test_an_earlier_state_put_back_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    await lived(path)
    earlier = path.read_bytes()
    store = SqliteStore(path)
    await store.open()
    await work(store, 9)
    await store.close()
    path.write_bytes(earlier)
    why = await doubt(path)
    assert "set back to an earlier state" in why
    assert "2026-11-23 09:00:00 UTC" in why, "up to when it knows"
    assert await doubt(path) == why


@pytest.mark.parametrize("step", ["claimed", "settled", "cancelled"])
async def test_even_one_step_back_is_noticed(tmp_path: Path, step: str) -> None:
    """A mail that was sent, is on the wire or was cancelled since would leave from the earlier state."""
    path = tmp_path / "mail.db"
    store = SqliteStore(path)
    await store.open()
    await store.put(mail(), NOW)
    if step == "settled":
        await claim(store)
    await store.close()
    earlier = path.read_bytes()
    store = SqliteStore(path)
    await store.open()
    if step == "claimed":
        await claim(store)
    elif step == "settled":
        await store.reclaim(NOW, everything=True)
        await carry(store)
    else:
        await store.cancel("Q1", by=ADMIN, now=NOW)
    await store.close()
    path.write_bytes(earlier)
    assert "earlier state" in await doubt(path)


@pytest.mark.parametrize("left", [None, 0, 20, 32, 60_000, -1])
async def test_a_log_that_was_cut_off_is_noticed_even_when_all_there_was_is_in_it(
    tmp_path: Path, left: int | None
) -> None:
    """SQLite goes on without it, in silence; a store that never had a checkpoint would look new."""
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    await store.put(mail(), NOW)
    (tmp_path / "killed").mkdir()
    for name in ("mail.db", "mail.db.epoch", "mail.db-wal"):
        await asyncio.to_thread(shutil.copy, tmp_path / name, tmp_path / "killed")
    await store.close()
    log = tmp_path / "killed" / "mail.db-wal"
    if left is None:
        log.unlink()
    else:
        log.write_bytes(log.read_bytes()[:left])
    assert "its log was cut off" in await doubt(tmp_path / "killed" / "mail.db")


async def test_what_came_in_while_paused_does_not_make_it_look_whole(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    await lived(path, 1)
    earlier = path.read_bytes()
    await lived(path, 0)
    store = SqliteStore(path)
    await store.open()
    await work(store, 9)
    await store.close()
    path.write_bytes(earlier)
    store = SqliteStore(path)
    await store.open()
    for number in range(20):
        await store.put(mail(f"P{number}"), NOW)
    await store.close()
    assert "earlier state" in await doubt(path)
    path.write_bytes(earlier)
    assert "earlier state" in await doubt(path), "the mark outside was not lowered meanwhile"


async def test_a_file_without_its_epoch_or_with_anothers_or_an_unreadable_one_waits(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        await lived(tmp_path / folder / "mail.db")
    path, epoch = tmp_path / "a" / "mail.db", tmp_path / "a" / "mail.db.epoch"
    whole, data = path.read_bytes(), epoch.read_bytes()
    for content, said in (
        (None, "is missing"),
        ((tmp_path / "b" / "mail.db.epoch").read_bytes(), "belongs to another store"),
        (b"", "can't be read"),
        (b"\0" * len(data), "can't be read"),
    ):
        path.write_bytes(whole)
        epoch.unlink()
        if content is not None:
            epoch.write_bytes(content)
        assert said in await doubt(path)
        epoch.write_bytes(data)


async def test_a_whole_folder_moved_is_no_doubt(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    await lived(tmp_path / "old" / "mail.db")
    (tmp_path / "old").rename(tmp_path / "new")
    assert await doubt(tmp_path / "new" / "mail.db") == ""


async def test_an_empty_store_where_another_stood_is_no_doubt(tmp_path: Path) -> None:
    """A damaged file was moved away: nothing is in the new one that could leave twice."""
    path = tmp_path / "mail.db"
    await lived(path)
    path.unlink()
    assert await doubt(path) == ""
    assert await doubt(path) == ""


async def test_an_epoch_that_is_behind_is_no_doubt(tmp_path: Path) -> None:
    """It is not fsynced: after a power cut it may say less than the database, which was."""
    path = tmp_path / "mail.db"
    await lived(path, 1)
    behind = (tmp_path / "mail.db.epoch").read_bytes()
    store = SqliteStore(path)
    await store.open()
    await work(store, 9)
    await store.close()
    (tmp_path / "mail.db.epoch").write_bytes(behind)
    assert await doubt(path) == ""


async def test_an_epoch_that_can_no_longer_be_written_costs_no_mail(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    file = store._epoch._file
    assert file is not None
    store._epoch._file = 1 << 20  # no such descriptor
    await store.put(mail(), NOW)
    store._epoch._file = file
    await store.close()


async def test_a_file_system_that_failed_right_behind_a_commit_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux's ext4 may have said that the sync was done, and it was not."""
    told: list[BaseException] = []
    store = SqliteStore(tmp_path / "mail.db", on_broken=told.append)
    await store.open()
    await store.put(mail(), NOW)

    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("mailguard.store.sqlite.epoch.os.pwrite", read_only)
    with pytest.raises(StoreBroken):
        await store.put(mail("Q2"), NOW)
    with pytest.raises(StoreBroken):
        await store.put(mail("Q3"), NOW)
    await asyncio.sleep(0)
    assert len(told) == 1
    await store.close()
