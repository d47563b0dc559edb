"""Mail in: what was put comes back, all of it or nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from mailguard.errors import TemporaryFailure
from mailguard.mail.envelope import Envelope, Recipient
from mailguard.mail.headers import AddCc, Drop, Prepend
from mailguard.records import (
    Action,
    AttachmentInfo,
    Ending,
    Hit,
    HoldKind,
    Mode,
    NewNotice,
    NoticeKind,
    State,
    Verdict,
)
from mailguard.store.base import Store
from mailguard.testing import eventually
from tests.store.making import ANN, NOW, body, claim, hold, kinds, later, mail, settle, state, states, stopped


async def test_everything_that_was_put_is_read_back(store: Store) -> None:
    hit = Hit("r1", Mode.ENFORCE, Action.HOLD, "“poufne” in subject", frozenset({"bob@client.example"}), "high",
              (("subject", "poufne"),))  # fmt: skip
    new = mail(
        holds=[
            hold(
                approvers=("lex@corp.example",), needed=1, expires_at=later(60), scope=frozenset({"bob@client.example"})
            )
        ],
        edits=(Prepend("Received", "from x"), AddCc("pa@corp.example"), Drop("x@y.example")),
        attachments=(AttachmentInfo("a.pdf", "application/pdf", 7),),
        automatic=True,
        answers="owner@corp.example",
    )
    recipient = Recipient("bob@client.example", ("FAILURE", "DELAY"), "rfc822;Bob+40@client.example")
    new = replace(
        new,
        envelope=Envelope("ann@corp.example", (recipient,), True, True, "HDRS", "QQ+3D1", later(5), True),
        deliveries=(replace(new.deliveries[0], recipient=recipient, flagged="a client", external=True),),
        verdict=replace(new.verdict, hits=(hit,), tags=("legal",)),
    )
    await store.put(new, NOW)
    found = await store.get("Q1")
    assert found is not None
    for name in ("queue_id", "envelope", "identity", "digest", "edits", "message_id", "subject", "attachments",
                 "automatic", "answers", "received_at"):  # fmt: skip
        assert getattr(found, name) == getattr(new, name), name
    assert found.hits == (hit,)
    assert found.tags == ("legal",)
    assert found.size == len(new.raw)
    (one,) = found.deliveries
    assert (one.recipient, one.flagged, one.external, one.state, one.due_at) == (
        recipient, "a client", True, State.HELD, None)  # fmt: skip
    (only,) = found.open_holds
    assert replace(only, id=0) == new.verdict.holds[0]
    assert await body(store) == new.raw


async def test_it_is_there_after_closing_and_opening_again(store: Store, another: Callable[[], Store]) -> None:
    await store.put(mail(), NOW)
    await store.close()
    again = another()
    await again.open()
    assert await state(again) is State.QUEUED
    await again.close()


@pytest.mark.parametrize("size", [0, 1, 256 << 10, (256 << 10) + 1, 3 << 20])
async def test_bytes_of_every_size_come_back_in_pieces(store: Store, size: int) -> None:
    raw = bytes(range(256)) * (size // 256) + b"\xff" * (size % 256)
    await store.put(mail(raw=raw), NOW)
    pieces = [piece async for piece in store.body("Q1")]
    assert b"".join(pieces) == raw
    assert max(map(len, pieces), default=0) <= 256 << 10
    (one,) = await claim(store)
    assert one.raw == (raw if size <= 256 << 10 else None)


async def test_a_bytearray_may_be_put(store: Store) -> None:
    raw = bytearray(b"Subject: x\r\n\r\nbody\r\n")
    await store.put(replace(mail(), raw=raw), NOW)
    assert await body(store) == bytes(raw)
    raw.clear()  # nobody holds on to it


async def test_a_mail_that_cannot_be_put_spoils_no_other_in_the_same_commit(store: Store) -> None:
    await store.put(mail("Q0"), NOW)
    asked = [mail(f"Q{i}") for i in range(1, 20)] + [mail("Q0")] + [mail(f"Q{i}") for i in range(20, 40)]
    results = await asyncio.gather(*(store.put(one, NOW) for one in asked), return_exceptions=True)
    assert [isinstance(r, TemporaryFailure) for r in results].count(True) == 1
    assert len({q for i in range(40) if (q := await store.get(f"Q{i}"))}) == 40


async def test_a_put_that_fails_leaves_nothing(store: Store) -> None:
    new = mail(to=("a@client.example", "b@client.example"))
    broken = replace(new, deliveries=(new.deliveries[0], replace(new.deliveries[1], destination=None)))  # type: ignore[arg-type]
    with pytest.raises(TemporaryFailure):
        await store.put(broken, NOW)
    assert await store.get("Q1") is None
    assert await body(store) == b""
    assert await store.next_due() is None
    await store.put(new, NOW)
    assert await state(store) is State.QUEUED


async def test_cancelling_the_caller_does_not_cancel_the_commit(store: Store) -> None:
    task = asyncio.create_task(store.put(mail(), NOW))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: store.get("Q1"))  # other connections may be quicker than the one that it was given to
    assert await state(store, "Q1") is State.QUEUED


async def test_a_broken_header_with_half_a_surrogate_pair_can_be_kept(store: Store) -> None:
    await store.put(mail(subject="a\udc81b", message_id="<\udcff@x>"), NOW)
    found = await store.get("Q1")
    assert found is not None
    assert found.subject == "a?b"


async def test_what_a_hold_covers_is_held_and_the_rest_is_not(store: Store) -> None:
    covered = hold(scope=frozenset({"ceo@corp.example"}))
    await store.put(mail(to=("CEO@corp.example", "bob@corp.example"), holds=[covered]), NOW)
    assert await states(store) == {"CEO@corp.example": State.HELD, "bob@corp.example": State.QUEUED}


async def test_unknown_mail_is_nothing(store: Store) -> None:
    assert await store.get("nope") is None
    assert await body(store, "nope") == b""
    assert await store.events("nope") == []


# --- decided later ---------------------------------------------------------------------------------------------


async def test_a_mail_put_undecided_waits_and_is_decided_once(store: Store) -> None:
    await store.put(mail(holds=[hold("", kind=HoldKind.UNDECIDED)]), NOW)
    assert await claim(store, later(10_000)) == []
    assert await store.next_due() is None
    assert (await store.send_now("Q1", by=ANN, now=NOW)).ending is Ending.ALREADY
    decided = mail(
        edits=(AddCc("pa@corp.example"),), notices=(NewNotice(NoticeKind.DELAYED, "ann@corp.example", "Q1"),)
    )
    assert (await store.decide(decided, later(1))).ending is Ending.DONE
    assert (await store.decide(decided, later(2))).ending is Ending.ALREADY
    found = await store.get("Q1")
    assert found is not None
    assert found.edits == (AddCc("pa@corp.example"),)
    assert found.open_holds == ()
    assert await claim(store, later(1))
    assert "message.evaluated" in await kinds(store)


async def test_deciding_keeps_what_people_did_meanwhile(store: Store) -> None:
    to = ("a@client.example", "b@client.example")
    await store.put(mail(to=to, holds=[hold("", kind=HoldKind.UNDECIDED)]), NOW)
    await store.drop("Q1", ["a@client.example"], by=ANN, now=NOW, edit_headers=True)
    await store.stop("Q1", by=ANN, hold=stopped(), now=NOW)
    done = await store.decide(mail(to=to, edits=(AddCc("pa@corp.example"),)), later(1))
    assert done.ending is Ending.DONE
    assert await states(store) == {"a@client.example": State.CANCELLED, "b@client.example": State.HELD}
    found = await store.get("Q1")
    assert found is not None
    assert found.edits == (AddCc("pa@corp.example"), Drop("a@client.example"))
    assert [h.kind for h in done.remaining] == [HoldKind.STOPPED]
    assert await store.next_due() == later(1) + (later(24 * 60) - NOW) / 2 - (later(1) - NOW)


async def test_what_a_late_decision_cancels_ends_and_is_never_claimed(store: Store) -> None:
    await store.put(mail(holds=[hold("", kind=HoldKind.UNDECIDED)]), NOW)
    (one,) = mail().deliveries
    rejected = replace(mail(), deliveries=(replace(one, state=State.CANCELLED, reason="rejected by rule r"),))
    assert (await store.decide(rejected, later(1))).ending is Ending.DONE
    found = await store.get("Q1")
    assert found is not None
    (ended,) = found.deliveries
    assert (ended.state, ended.reason, ended.ended_at) == (State.CANCELLED, "rejected by rule r", later(1))
    assert await claim(store, later(3600)) == []


async def test_a_mail_cancelled_while_undecided_stays_cancelled(store: Store) -> None:
    await store.put(mail(holds=[hold("", kind=HoldKind.UNDECIDED)]), NOW)
    await store.cancel("Q1", by=ANN, now=NOW)
    assert (await store.decide(mail(), later(1))).ending is Ending.ALREADY
    assert await state(store) is State.CANCELLED
    assert (await store.decide(mail("nope"), NOW)).ending is Ending.UNKNOWN


async def test_a_verdict_without_anything_leaves_at_once(store: Store) -> None:
    await store.put(replace(mail(), verdict=Verdict(Action.PASS)), NOW)
    (one,) = await claim(store)
    await settle(store, one)
    assert await state(store) is State.SENT
