"""What is past its time is gone from the files; what is not stays."""

from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailguard.errors import ClaimLost
from mailguard.records import Action, Hit, Mode, NewNotice, NoticeClaim, NoticeKind, Verdict
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from mailguard.testing import FakeClock
from tests.store.conftest import sqlite_only
from tests.store.making import ANN, LEASE, NOW, OK, body, carry, claim, deferred, hold, kinds, later, mail, settle

KEEP = Retention(bodies=timedelta(days=7), decisions=timedelta(days=400), facts=timedelta(days=90))
PLANTED = b"tajemnica-przedsiebiorstwa-4711"


def day(days: float) -> datetime:
    return NOW + timedelta(days=days)


def on_disk(folder: Path, text: bytes) -> list[str]:
    """The store's files that have this text in them."""
    return sorted(path.name for path in folder.iterdir() if text in path.read_bytes())


async def test_bytes_go_when_their_time_after_the_last_recipient_is_over(store: Store) -> None:
    await store.put(mail(to=["a@x.example", "b@x.example"], per={"b@x.example": {"due_at": day(3)}}), NOW)
    await carry(store)
    (one,) = await claim(store, day(3))
    await settle(store, one, now=day(3))
    assert await store.purge(day(9), KEEP) == 0
    assert await body(store)
    assert await store.purge(day(11), KEEP) == 1
    assert await body(store) == b""
    found = await store.get("Q1")
    assert found is not None
    assert found.purged
    assert (await kinds(store))[-1] == "message.purged"
    assert await store.purge(day(12), KEEP) == 0


async def test_what_waits_is_never_purged(store: Store) -> None:
    await store.put(mail(holds=[hold()]), NOW)
    assert await store.purge(day(5000), KEEP) == 0
    assert await body(store)


async def test_bytes_stay_while_a_notice_needs_them(store: Store) -> None:
    await store.put(mail(holds=[hold()]), NOW)
    await store.cancel("Q1", by=ANN, now=NOW, notices=[NewNotice(NoticeKind.RETURNED, "ann@corp.example", "Q1")])
    assert await store.purge(day(8), KEEP) == 0
    (one,) = await store.claim_notices(day(8), lease=LEASE, limit=9, digest_over=3, digest_within=LEASE)
    assert await store.purge(day(8), KEEP) == 0
    await store.settle_notice(one, OK, day(8))
    assert await store.purge(day(8), KEEP) == 1


async def test_bytes_stay_through_everything_that_can_happen_to_their_notice(store: Store) -> None:
    tiny = Retention(bodies=timedelta(0), decisions=timedelta(0), facts=timedelta(0))
    await store.put(mail(holds=[hold(expires_at=later(10))]), NOW)
    assert [one.outcome for one in await store.expire(later(10))] == ["return"]

    async def purged(now: datetime) -> int:
        return await store.purge(now, tiny)

    async def told(now: datetime) -> NoticeClaim:
        (one,) = await store.claim_notices(now, lease=LEASE, limit=9, digest_over=3, digest_within=LEASE)
        return one

    assert await purged(later(10)) == 0, "it was not even tried"
    await store.settle_notice(await told(later(10)), deferred(later(20)), later(11))
    assert await purged(later(12)) == 0, "it waits for another try"
    lost = await told(later(20))
    assert await purged(later(30)) == 0, "its lease ran out"
    await told(later(30))
    with pytest.raises(ClaimLost):
        await store.settle_notice(lost, OK, later(31))
    assert await purged(later(31)) == 0, "an attempt that was lost is no end"
    await store.reclaim(later(32), everything=True)
    assert await purged(later(32)) == 0, "the process began anew"
    assert await body(store)
    await store.settle_notice(await told(later(32)), OK, later(33))
    assert await purged(later(33)) == 1


async def test_who_reads_while_bytes_are_purged_gets_what_was_there_and_no_broken_store(store: Store) -> None:
    large = mail(raw=b"Subject: x\r\n\r\n" + b"0123456789" * 100_000)
    await store.put(large, NOW)
    await carry(store)
    async with aclosing(store.body("Q1")) as chunks:
        seen = await anext(chunks)
        assert await store.purge(day(8), KEEP) == 1
        seen += b"".join([chunk async for chunk in chunks])
    assert 0 < len(seen) < len(large.raw)


async def test_a_conversation_is_known_as_long_as_a_mail_of_it_waits(store: Store) -> None:
    await store.put(mail("Q1", holds=[hold()], references=("<start@corp.example>",)), NOW)
    await store.purge(day(100), KEEP)
    await store.put(mail("Q2", references=("<start@corp.example>",)), day(100))
    found = await store.get("Q2")
    assert found is not None
    assert [d.behind for d in found.deliveries] == ["Q1"]


async def test_decisions_are_forgotten_later_with_all_that_hangs_on_them(store: Store) -> None:
    await store.put(mail(holds=[hold()], notices=(NewNotice(NoticeKind.HELD, "ann@corp.example", "Q1"),)), NOW)
    (one,) = await store.claim_notices(NOW, lease=LEASE, limit=9, digest_over=3, digest_within=LEASE)
    await store.settle_notice(one, OK, NOW)
    await store.drop("Q1", ["bob@client.example"], by=ANN, now=NOW, edit_headers=True)
    await store.purge(day(8), KEEP)
    await store.purge(day(399), KEEP)
    assert await store.get("Q1") is not None
    await store.purge(day(401), KEEP)
    assert await store.get("Q1") is None
    assert await store.events("Q1") == []
    assert set((await store.counts(NOW)).deliveries.values()) == {0}


async def test_many_are_purged_in_one_call(store: Store) -> None:
    for i in range(250):
        await store.put(mail(f"Q{i}"), NOW)
    for _ in range(13):
        await carry(store)
    assert await store.purge(day(8), KEEP) == 250


@sqlite_only
async def test_a_purged_text_is_in_no_file(store: Store, tmp_path: Path) -> None:
    raw = b"Subject: x\r\n\r\n" + b"filler " * 1000 + PLANTED + b" filler" * 60_000 + PLANTED
    hit = Hit("r", Mode.ENFORCE, Action.DELAY, "a confidential word", evidence=(("body", PLANTED.decode()),))
    await store.put(mail(raw=raw, verdict=Verdict(Action.DELAY, hits=(hit,))), NOW)
    await store.put(mail("SMALL", raw=b"Subject: x\r\n\r\n" + PLANTED, delay=5), NOW)
    await store.put(mail("OTHER", raw=b"Subject: x\r\n\r\nanother-text"), NOW)
    assert on_disk(tmp_path, PLANTED)
    await store.cancel("SMALL", by=ANN, now=NOW)
    (one, _) = await claim(store)
    await settle(store, one)
    assert await store.purge(day(8), KEEP) == 2
    assert on_disk(tmp_path, PLANTED) == []
    assert on_disk(tmp_path, b"another-text")  # the search would find it


@sqlite_only
async def test_a_dropped_recipients_copy_leaves_no_text_behind_after_purge(store: Store, tmp_path: Path) -> None:
    await store.put(mail(to=["a@x.example", "b@x.example"], raw=b"Subject: x\r\n\r\n" + PLANTED, holds=[hold()]), NOW)
    await store.drop("Q1", ["a@x.example"], by=ANN, now=NOW, edit_headers=True)
    await store.drop("Q1", ["b@x.example"], by=ANN, now=NOW, edit_headers=True)
    await store.purge(day(8), KEEP)
    assert on_disk(tmp_path, PLANTED) == []


@sqlite_only
async def test_the_log_is_emptied_at_most_once_a_minute_and_then_later(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    await store.purge(day(1), KEEP)  # the first one empties the log
    await store.put(mail(raw=PLANTED), NOW)
    await carry(store)
    await store.purge(day(8), KEEP)
    assert on_disk(tmp_path, PLANTED) == ["mail.db-wal"]
    await clock.advance(61)
    await store.purge(day(8), KEEP)
    assert on_disk(tmp_path, PLANTED) == []


@sqlite_only
async def test_a_code_that_was_mailed_is_not_kept(store: Store, another: Callable[[], Store], tmp_path: Path) -> None:
    await store.notify([NewNotice(NoticeKind.CODE, "ann@corp.example", data={"code": "918273645"})], NOW)
    (one,) = await store.claim_notices(NOW, lease=LEASE, limit=9, digest_over=3, digest_within=LEASE)
    assert one.notices[0].notice.data == {"code": "918273645"}
    await store.settle_notice(one, OK, NOW)
    await store.purge(later(1), KEEP)
    assert on_disk(tmp_path, b"918273645") == []
