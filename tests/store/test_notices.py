"""Notices: sent once, tried again, gathered when they are many."""

from datetime import datetime, timedelta

import pytest

from mailguard.errors import ClaimLost
from mailguard.records import NewNotice, NoticeClaim, NoticeKind, Outcome, Power, Reply, Result
from mailguard.store.base import Store
from tests.store.making import LEASE, NOW, OK, deferred, later, mail

FAILED = Outcome(Result.FAILED, Reply(550, "5.1.1", "no such user"))


def notice(
    queue_id: str = "Q1", person: str = "ann@corp.example", kind: NoticeKind = NoticeKind.HELD, **more: object
) -> NewNotice:
    return NewNotice(kind, person, queue_id, **more)  # type: ignore[arg-type]


async def claimed(store: Store, now: datetime = NOW, over: int = 3, limit: int = 99) -> list[NoticeClaim]:
    return await store.claim_notices(
        now, lease=LEASE, limit=limit, digest_over=over, digest_within=timedelta(minutes=2)
    )


async def test_a_notice_comes_with_its_mail_and_goes_once(store: Store) -> None:
    scope = frozenset({"ceo@corp.example"})
    asked = notice(
        person="pa@corp.example", kind=NoticeKind.ASSISTANT, power=Power.ASSISTANT, scope=scope, data={"a": "b"}
    )
    await store.put(mail(notices=(asked,), delay=5), NOW)
    assert await store.next_due() == NOW
    (one,) = await claimed(store)
    assert one.person == "pa@corp.example"
    assert one.mails["Q1"].subject == "Quote"
    (only,) = one.notices
    assert (only.notice.kind, only.notice.power, only.notice.scope, only.notice.data) == (
        NoticeKind.ASSISTANT, Power.ASSISTANT, scope, {"a": "b"})  # fmt: skip
    assert await claimed(store) == []
    await store.settle_notice(one, OK, NOW)
    assert await claimed(store, later(60)) == []
    assert [e.kind for e in await store.events("Q1")][-1] == "notice.sent"


async def test_a_notice_waits_for_its_instant(store: Store) -> None:
    await store.put(mail(delay=5), NOW)
    await store.notify([notice(due_at=later(1))], NOW)
    assert await claimed(store) == []
    assert await store.next_due() == later(1)
    assert len(await claimed(store, later(1))) == 1


async def test_deferred_again_failed_counted(store: Store) -> None:
    await store.put(mail(notices=(notice(),)), NOW)
    (one,) = await claimed(store)
    await store.settle_notice(one, deferred(later(4)), NOW)
    assert (await store.counts(later(4))).notices_undelivered == 0
    (again,) = await claimed(store, later(4))
    await store.settle_notice(again, FAILED, later(5))
    assert await claimed(store, later(60)) == []
    assert (await store.counts(later(6))).notices_undelivered == 1


async def test_a_code_for_a_mailbox_that_is_not_there_is_no_alarm(store: Store) -> None:
    """Anybody who finds the page can ask for one, for any address of ours."""
    await store.notify([notice("", "nobody@corp.example", NoticeKind.CODE, data={"code": "123456"})], NOW)
    assert (await store.counts(later(6))).notices_undelivered == 1, "it may be that nothing leaves"
    (one,) = await claimed(store)
    await store.settle_notice(one, FAILED, NOW)
    assert (await store.counts(later(6))).notices_undelivered == 0


async def test_after_a_crash_the_lease_gives_it_back_and_the_first_claim_is_lost(store: Store) -> None:
    await store.put(mail(notices=(notice(),), delay=999), NOW)
    (first,) = await claimed(store)
    assert await store.next_due() == NOW + LEASE
    (second,) = await claimed(store, NOW + LEASE)
    with pytest.raises(ClaimLost):
        await store.settle_notice(first, OK, later(6))
    await store.settle_notice(second, OK, later(6))
    with pytest.raises(ClaimLost):
        await store.settle_notice(second, OK, later(6))


async def test_a_burst_becomes_one_digest(store: Store) -> None:
    for i in range(10):
        await store.put(mail(f"Q{i}", notices=(notice(f"Q{i}"),)), NOW)
    (one,) = await claimed(store)
    assert len(one.notices) == len(one.mails) == 10


async def test_a_few_go_one_by_one(store: Store) -> None:
    for i in range(3):
        await store.put(mail(f"Q{i}", notices=(notice(f"Q{i}"),)), NOW)
    assert [len(one.notices) for one in await claimed(store)] == [1, 1, 1]


async def test_a_trickle_is_gathered_too(store: Store) -> None:
    sent = 0
    for i in range(24):  # one every five seconds, for two minutes
        now = later(i / 12)
        await store.put(mail(f"Q{i}", notices=(notice(f"Q{i}"),)), now)
        for one in await claimed(store, now):
            await store.settle_notice(one, OK, now)
            sent += 1
    assert sent == 3
    due = await store.next_due()
    assert due is not None
    (digest,) = await claimed(store, later(5))
    assert len(digest.notices) == 21


async def test_people_do_not_share_a_digest_and_codes_never_wait(store: Store) -> None:
    for i in range(5):
        await store.put(mail(f"Q{i}", notices=(notice(f"Q{i}"), notice(f"Q{i}", "pa@corp.example"))), NOW)
    await store.notify([notice("", kind=NoticeKind.CODE, data={"code": "123456"})], NOW)
    got = await claimed(store)
    assert sorted((one.person, len(one.notices)) for one in got) == [
        ("ann@corp.example", 1),
        ("ann@corp.example", 5),
        ("pa@corp.example", 5),
    ]
    (code,) = [one for one in got if one.notices[0].notice.kind is NoticeKind.CODE]
    assert code.mails == {}
    await store.settle_notice(code, OK, NOW)


async def test_what_brings_a_mail_back_is_never_gathered(store: Store) -> None:
    for i in range(5):
        await store.put(mail(f"Q{i}", notices=(notice(f"Q{i}", kind=NoticeKind.RETURNED),)), NOW)
    assert [len(one.notices) for one in await claimed(store)] == [1] * 5


async def test_a_notice_about_an_unknown_mail_is_left_out(store: Store) -> None:
    await store.notify([notice("nope")], NOW)
    assert await claimed(store) == []
