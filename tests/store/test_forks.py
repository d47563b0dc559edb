"""A mail in several transactions: the first is put, the others join it, are stopped with it, or come too late."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailguard.errors import MailChanged
from mailguard.mail.envelope import Envelope, Recipient
from mailguard.records import Action, Ending, Hold, NewMail, NewNotice, NoticeKind, State, Verdict
from mailguard.store.base import Store
from mailguard.store.postgres import PostgresStore
from mailguard.store.retention import Retention
from tests.store.making import ANN, NOW, OK, carry, claim, hold, kinds, later, mail, settle, states

KIM, LEE, MO, ZOE = "kim@client.example", "lee@corp.example", "mo@rival.example", "zoe@client.example"
SIGN = b"one mail".ljust(32)
DIGEST = b"a fork's own".ljust(32)


def fork(queue_id: str, to: Sequence[str], sign: bytes = SIGN, **more: Any) -> NewMail:
    more.setdefault("message_id", "<one@corp.example>")
    return mail(queue_id, to=to, fork=sign, **more)


async def put(store: Store, queue_id: str, to: Sequence[str], **more: Any) -> str:
    return await store.put(fork(queue_id, to, **more), more.get("received_at", NOW))


async def join(store: Store, both: NewMail, to: Sequence[str], revision: int | None = None, sender: str = "") -> Ending:
    """A fork to these joins, judged with the others as `both`."""
    if revision is None:
        found = await store.get(both.queue_id)
        assert found is not None
        revision = found.revision
    envelope = Envelope(sender, tuple(map(Recipient, to)))
    return (await store.join(both, envelope, DIGEST, NOW, revision=revision)).ending


async def test_the_second_is_put_nowhere_and_told_of_the_first(store: Store) -> None:
    assert await put(store, "Q1", [KIM]) == ""
    assert await put(store, "Q2", [MO]) == "Q1"
    assert await store.get("Q2") is None
    assert await put(store, "Q3", [MO], sign=b"another") == ""


async def test_who_has_no_sign_is_nobodys_fork(store: Store) -> None:
    assert await put(store, "Q1", [KIM], sign=b"") == ""
    assert await put(store, "Q2", [KIM], sign=b"") == ""


async def test_of_many_at_the_same_moment_one_is_the_first(store: Store) -> None:
    found = await asyncio.gather(*(put(store, f"Q{number}", [f"a{number}@client.example"]) for number in range(40)))
    (first,) = [f"Q{number}" for number, told in enumerate(found) if not told]
    assert set(found) == {"", first}


async def test_two_nodes_have_one_first(another: Callable[[], Store]) -> None:
    one, other = another(), another()
    if not isinstance(one, PostgresStore):
        return  # a file has one process
    await one.open()
    await other.open()
    for turn in range(10):
        sign = b"turn %d" % turn
        puts = [put(node, f"{name}{turn}", [KIM], sign=sign) for node, name in ((one, "A"), (other, "B"))]
        assert sorted(map(bool, await asyncio.gather(*puts))) == [False, True]
    await one.close()
    await other.close()


async def test_of_two_that_join_at_once_one_is_judged_again(another: Callable[[], Store]) -> None:
    one = another()
    await one.open()
    other = another() if isinstance(one, PostgresStore) else one  # a file has one process
    if other is not one:
        await other.open()
    for turn in range(5):
        queue_id, sign = f"Q{turn}", b"turn %d" % turn
        await one.put(fork(queue_id, [KIM], sign=sign, delay=5), NOW)
        joins = [
            join(node, mail(queue_id, to=[KIM, who], delay=5), [who], revision=0)
            for node, who in ((one, MO), (other, ZOE))
        ]
        found = await asyncio.gather(*joins, return_exceptions=True)
        assert Ending.DONE in found
        assert [each for each in found if isinstance(each, MailChanged)], "both were judged without the other"
        assert len(await states(one, queue_id)) == 2
    for node in {one, other}:
        await node.close()


async def test_after_two_minutes_it_is_a_mail_of_its_own(store: Store) -> None:
    assert await put(store, "Q1", [KIM]) == ""
    assert await store.put(fork("Q2", [MO]), later(2)) == "Q1"
    assert await store.put(fork("Q3", [MO]), later(2, seconds=1)) == ""
    assert await store.put(fork("Q4", [ZOE]), later(2, seconds=2)) == "Q3"


async def test_a_clock_that_was_set_back_finds_no_first_in_the_future(store: Store) -> None:
    await store.put(fork("Q1", [KIM]), later(60))
    assert await put(store, "Q2", [MO]) == ""


async def test_a_joined_copy_waits_as_the_others_do(store: Store) -> None:
    await put(store, "Q1", [KIM], delay=5)
    assert await join(store, mail("Q1", to=[KIM, MO], delay=5), [MO]) is Ending.DONE
    assert await states(store) == {KIM: State.QUEUED, MO: State.QUEUED}
    assert await claim(store, later(4)) == []
    (one,) = await claim(store, later(5))
    assert {d.address for d in one.deliveries} == {KIM, MO}
    assert "fork.joined" in await kinds(store)


async def test_a_hold_covers_who_joins_and_is_asked_once(store: Store) -> None:
    told = NewNotice(NoticeKind.HELD, "ann@corp.example", "Q1")
    await put(store, "Q1", [KIM], holds=[hold()], notices=(told,))
    both = mail("Q1", to=[KIM, MO], holds=[hold()], notices=(told,))
    assert await join(store, both, [MO]) is Ending.DONE
    found = await store.get("Q1")
    assert found is not None
    assert len(found.holds) == 1
    assert await states(store) == {KIM: State.HELD, MO: State.HELD}
    assert len(await notices(store)) == 1
    await store.send_now("Q1", by=ANN, now=NOW)
    await carry(store)
    assert await states(store) == {KIM: State.SENT, MO: State.SENT}


async def test_a_hold_because_of_who_joins_holds_them_all_and_is_told(store: Store) -> None:
    await put(store, "Q1", [KIM], delay=5)
    told = NewNotice(NoticeKind.HELD, "ann@corp.example", "Q1")
    assert await join(store, mail("Q1", to=[KIM, MO], holds=[hold()], notices=(told,)), [MO]) is Ending.DONE
    assert await states(store) == {KIM: State.HELD, MO: State.HELD}
    assert await notices(store) == [NoticeKind.HELD]


async def test_a_rule_that_was_answered_asks_again_for_who_is_new_alone(store: Store) -> None:
    await put(store, "Q1", [KIM], holds=[hold()], hold_until=later(9))
    await store.send_now("Q1", by=ANN, now=NOW)
    told = NewNotice(NoticeKind.HELD, "ann@corp.example", "Q1")
    assert await join(store, mail("Q1", to=[KIM, MO], holds=[hold()], notices=(told,)), [MO]) is Ending.DONE
    assert await states(store) == {KIM: State.QUEUED, MO: State.HELD}
    found = await store.get("Q1")
    assert found is not None
    assert [one.scope for one in found.open_holds] == [frozenset({MO})]


async def test_what_waited_for_the_others_leaves_when_nobody_is_missing(store: Store) -> None:
    per = {KIM: {"due_at": later(seconds=10)}, ZOE: {"due_at": later(5)}}
    await put(store, "Q1", [KIM, ZOE], per=per)
    both = mail("Q1", to=[KIM, ZOE, MO], per={one: {"due_at": NOW} for one in (KIM, ZOE, MO)})
    assert await join(store, both, [MO]) is Ending.DONE
    (one,) = await claim(store, NOW)
    assert {d.address for d in one.deliveries} == {KIM, MO}, "Zoe's waits for its time"


async def test_of_two_approvers_the_first_is_asked_again_for_who_is_new(store: Store) -> None:
    two = hold(approvers=(LEE, ZOE), needed=2)
    await put(store, "Q1", [KIM], holds=[two])
    await store.approve("Q1", by=ANN, person=LEE, now=NOW)
    told = tuple(NewNotice(NoticeKind.APPROVAL, who, "Q1") for who in (LEE, ZOE))
    assert await join(store, mail("Q1", to=[KIM, MO], holds=[two], notices=told), [MO]) is Ending.DONE
    assert await notices(store) == [NoticeKind.APPROVAL], "Zoe was told of the mail before"
    await store.approve("Q1", by=ANN, person=ZOE, now=NOW)
    assert await states(store) == {KIM: State.QUEUED, MO: State.HELD}
    await store.approve("Q1", by=ANN, person=LEE, now=NOW)
    assert await states(store) == {KIM: State.QUEUED, MO: State.QUEUED}


async def test_what_somebody_stopped_holds_who_joins(store: Store) -> None:
    await put(store, "Q1", [KIM], delay=5)
    await store.stop("Q1", by=ANN, hold=Hold("", "stopped"), now=NOW)
    assert await join(store, mail("Q1", to=[KIM, MO], delay=5), [MO]) is Ending.DONE
    assert await states(store) == {KIM: State.HELD, MO: State.HELD}


async def test_what_was_cancelled_takes_the_late_fork_with_it(store: Store) -> None:
    await put(store, "Q1", [KIM], delay=5)
    await store.cancel("Q1", by=ANN, now=NOW)
    assert await join(store, mail("Q1", to=[KIM, MO]), [MO]) is Ending.ALREADY
    assert await states(store) == {KIM: State.CANCELLED, MO: State.CANCELLED}
    assert await claim(store, later(60)) == []
    assert (await kinds(store))[-1] == "fork.stopped"


async def test_the_copies_that_left_before_the_cancel_save_no_late_fork(store: Store) -> None:
    per = {LEE: {"due_at": NOW}}
    await put(store, "Q1", [LEE, KIM], delay=5, per=per)
    await carry(store)
    await store.cancel("Q1", by=ANN, now=NOW)
    assert await join(store, mail("Q1", to=[LEE, KIM, MO]), [MO]) is Ending.ALREADY
    assert await states(store) == {LEE: State.SENT, KIM: State.CANCELLED, MO: State.CANCELLED}


async def test_one_dropped_recipient_stops_no_other(store: Store) -> None:
    await put(store, "Q1", [KIM, ZOE], delay=5)
    await store.drop("Q1", [ZOE], by=ANN, now=NOW, edit_headers=False)
    assert await join(store, mail("Q1", to=[KIM, MO], delay=5), [MO]) is Ending.DONE
    await carry(store, later(5))
    assert await states(store) == {KIM: State.SENT, ZOE: State.CANCELLED, MO: State.SENT}


async def test_what_has_left_is_joined_by_nobody(store: Store) -> None:
    await put(store, "Q1", [KIM])
    (one,) = await claim(store)
    assert await join(store, mail("Q1", to=[KIM, MO]), [MO]) is Ending.TOO_LATE
    await settle(store, one, OK)
    assert await join(store, mail("Q1", to=[KIM, MO]), [MO]) is Ending.TOO_LATE
    assert await states(store) == {KIM: State.SENT}


async def test_the_same_fork_again_changes_nothing(store: Store) -> None:
    await put(store, "Q1", [KIM], delay=5)
    before = await store.get("Q1")
    assert before is not None
    assert await join(store, mail("Q1", to=[KIM], delay=5), ["KIM@client.example"]) is Ending.DONE
    assert await store.get("Q1") == before
    await carry(store, later(5))
    assert await join(store, mail("Q1", to=[KIM]), [KIM]) is Ending.DONE
    await store.purge(later(9), Retention(timedelta(9), timedelta(9), timedelta(9)))
    assert (
        await store.join(mail("Q1", to=[KIM]), Envelope("", (Recipient(KIM),)), DIGEST, NOW, revision=0)
    ).ending is (Ending.UNKNOWN)


async def test_whoever_was_judged_with_another_mail_is_judged_again(store: Store) -> None:
    await put(store, "Q1", [KIM], delay=5)
    await store.stop("Q1", by=ANN, hold=Hold("", "stopped"), now=NOW)
    with pytest.raises(MailChanged):
        await join(store, mail("Q1", to=[KIM, MO], delay=5), [MO], revision=0)
    assert await states(store) == {KIM: State.HELD}


async def test_a_reject_because_of_who_joins_ends_what_waits(store: Store) -> None:
    await put(store, "Q1", [KIM], delay=5)
    rejected = replace(mail("Q1", to=[KIM, MO]), verdict=Verdict(Action.REJECT, reject="ten: too many"))
    assert await join(store, rejected, [MO]) is Ending.DONE
    assert await states(store) == {KIM: State.CANCELLED, MO: State.CANCELLED}


async def test_they_leave_with_the_first_sender_that_is_somebody(store: Store) -> None:
    await put(store, "Q1", [KIM], delay=5)
    first = await store.get("Q1")
    assert first is not None
    nobody = replace(fork("Q2", [KIM], sign=b"other", delay=5), envelope=Envelope("", (Recipient(KIM),)))
    await store.put(nobody, NOW)
    assert await join(store, mail("Q1", to=[KIM, MO], delay=5), [MO], sender="other@corp.example") is Ending.DONE
    assert await join(store, mail("Q2", to=[KIM, MO], delay=5), [MO], sender="ann@corp.example") is Ending.DONE
    senders = [found.envelope.sender for found in (await store.get("Q1"), await store.get("Q2")) if found]
    assert senders == ["ann@corp.example", "ann@corp.example"]


async def test_own_addresses_that_did_not_pass_are_kept(store: Store) -> None:
    await put(store, "Q1", [KIM], inside=(LEE, "zoë@corp.example"))
    found = await store.get("Q1")
    assert found is not None
    assert found.inside == (LEE, "zoë@corp.example")


async def notices(store: Store) -> list[NoticeKind]:
    claims = await store.claim_notices(
        later(1), lease=timedelta(minutes=5), limit=10, digest_over=9, digest_within=timedelta(0)
    )
    return [one.notice.kind for claimed in claims for one in claimed.notices]
