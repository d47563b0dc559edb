"""What time does to a hold that nobody answers."""

from collections.abc import Sequence

import pytest

from mailguard.records import (
    Ending,
    Hold,
    HoldKind,
    NewNotice,
    NoticeKind,
    OnExpiry,
    Outcome,
    Power,
    Reply,
    Result,
    State,
)
from mailguard.store.base import Expiry, Store
from tests.store.making import ANN, LEASE, NOW, OK, carry, claim, hold, kinds, later, mail, state, states, stopped

RETURN, DISCARD, SEND = OnExpiry.RETURN, OnExpiry.DISCARD, OnExpiry.SEND


async def told(store: Store, minutes: float) -> list[tuple[str, NoticeKind, str]]:
    """(person, kind, outcome) of all that is due."""
    claims = await store.claim_notices(later(minutes), lease=LEASE, limit=99, digest_over=99, digest_within=LEASE)
    for one in claims:
        await store.settle_notice(one, OK, later(minutes))
    return [(n.notice.person, n.notice.kind, n.notice.data.get("outcome", "")) for c in claims for n in c.notices]


async def test_nothing_happens_before_its_instant(store: Store) -> None:
    await store.put(mail(holds=[hold(expires_at=later(60))]), NOW)
    assert await store.expire(later(29)) == []
    assert await store.next_due() == later(30)


async def test_one_reminder_at_half_time(store: Store) -> None:
    await store.put(mail(holds=[hold(expires_at=later(60))], answers="owner@corp.example"), NOW)
    assert await store.expire(later(30)) == [Expiry("Q1", "confidential-outside", "reminded")]
    assert await store.expire(later(31)) == []
    assert await told(store, 31) == [("owner@corp.example", NoticeKind.REMINDER, "")]
    assert await store.next_due() == later(60)


async def test_the_reminder_goes_to_those_whose_answer_is_missing(store: Store) -> None:
    approvers = ("lex@corp.example", "lou@corp.example")
    await store.put(mail(holds=[hold(approvers=approvers, needed=2, expires_at=later(60))]), NOW)
    await store.approve("Q1", by=ANN, person="lex@corp.example", now=later(1))
    await store.expire(later(30))
    claims = await store.claim_notices(later(30), lease=LEASE, limit=9, digest_over=9, digest_within=LEASE)
    assert [(c.person, c.notices[0].notice.power) for c in claims] == [("lou@corp.example", Power.APPROVER)]


async def test_one_reminder_a_person_for_several_holds(store: Store) -> None:
    await store.put(mail(holds=[hold("a", expires_at=later(60)), hold("b", expires_at=later(60))]), NOW)
    assert len(await store.expire(later(30))) == 2
    assert len(await told(store, 30)) == 1


@pytest.mark.parametrize(
    ("on_expiry", "ends"), [(RETURN, State.CANCELLED), (DISCARD, State.CANCELLED), (SEND, State.QUEUED)]
)
async def test_a_hold_ends_as_its_rule_says(store: Store, on_expiry: OnExpiry, ends: State) -> None:
    await store.put(mail(delay=600, holds=[hold(expires_at=later(60), on_expiry=on_expiry)]), NOW)
    await store.expire(later(30))
    await told(store, 30)
    assert await store.expire(later(60)) == [Expiry("Q1", "confidential-outside", on_expiry)]
    assert await state(store) is ends
    assert await told(store, 60) == [("ann@corp.example", NoticeKind.EXPIRED, on_expiry)]
    assert "hold.expired" in await kinds(store)
    assert len(await claim(store, later(60))) == (on_expiry is SEND)
    assert (await store.cancel("Q1", by=ANN, now=later(61))).ending in (Ending.ALREADY, Ending.TOO_LATE)


@pytest.mark.parametrize(
    ("holds", "outcome", "ends"),
    [
        ([(SEND, 60), (DISCARD, 60)], DISCARD, State.CANCELLED),
        ([(DISCARD, 60), (RETURN, 60)], RETURN, State.CANCELLED),
        ([(SEND, 60), (RETURN, 60)], RETURN, State.CANCELLED),
        ([(SEND, 60), (RETURN, 90)], RETURN, State.CANCELLED),
        ([(SEND, 60), (SEND, 90)], SEND, State.HELD),
        ([(SEND, 60), (SEND, 60)], SEND, State.QUEUED),
    ],
)
async def test_the_earliest_expiry_acts_and_the_safer_outcome_is_taken(
    store: Store, holds: Sequence[tuple[OnExpiry, int]], outcome: OnExpiry, ends: State
) -> None:
    made = [hold(f"r{i}", on_expiry=what, expires_at=later(at)) for i, (what, at) in enumerate(holds)]
    await store.put(mail(holds=made), NOW)
    await store.expire(later(59))
    assert {e.outcome for e in await store.expire(later(60))} == {outcome}
    assert await state(store) is ends


async def test_an_approvers_hold_without_end_outlives_the_senders(store: Store) -> None:
    await store.put(
        mail(holds=[hold("s", on_expiry=SEND, expires_at=later(60)), hold("a", approvers=("l@corp.example",))]), NOW
    )
    await store.expire(later(60))
    assert await state(store) is State.HELD


async def test_a_hold_on_some_copies_ends_only_these(store: Store) -> None:
    await store.put(mail(to=("ceo@corp.example", "bob@corp.example"), delay=100_000), NOW)
    await store.stop("Q1", by=ANN, hold=stopped(scope=frozenset({"ceo@corp.example"})), now=NOW)
    await store.expire(later(24 * 60))
    assert await states(store) == {"ceo@corp.example": State.CANCELLED, "bob@corp.example": State.QUEUED}


async def test_nothing_is_discarded_when_its_notice_failed(store: Store) -> None:
    held = NewNotice(NoticeKind.HELD, "ann@corp.example", "Q1")
    await store.put(mail(holds=[hold(expires_at=later(60), on_expiry=DISCARD)], notices=(held,)), NOW)
    (one,) = await store.claim_notices(NOW, lease=LEASE, limit=9, digest_over=9, digest_within=LEASE)
    await store.settle_notice(one, Outcome(Result.FAILED, Reply(550, "5.1.1", "no")), NOW)
    await store.expire(later(30))
    assert [e.outcome for e in await store.expire(later(60))] == [RETURN]


async def test_discard_is_discard_when_its_notice_arrived(store: Store) -> None:
    held = NewNotice(NoticeKind.HELD, "ann@corp.example", "Q1")
    await store.put(mail(holds=[hold(expires_at=later(60), on_expiry=DISCARD)], notices=(held,)), NOW)
    await told(store, 0)
    await store.expire(later(30))
    assert [e.outcome for e in await store.expire(later(60))] == [DISCARD]


@pytest.mark.parametrize("kind", [HoldKind.UNDECIDED, HoldKind.DAMAGED])
async def test_time_does_nothing_to_what_is_undecided_or_damaged(store: Store, kind: HoldKind) -> None:
    await store.put(mail(holds=[Hold("", "x", kind=kind, expires_at=later(60))]), NOW)
    assert await store.next_due() is None
    assert await store.expire(later(100_000)) == []
    assert await state(store) is State.HELD


async def test_a_released_hold_expires_no_more(store: Store) -> None:
    await store.put(mail(holds=[hold(expires_at=later(60))]), NOW)
    await store.send_now("Q1", by=ANN, now=later(1))
    await carry(store, later(1))
    assert await store.expire(later(60)) == []
    assert await told(store, 60) == []
    assert await store.next_due() is None


async def test_many_expire_at_once(store: Store) -> None:
    for i in range(250):
        await store.put(mail(f"Q{i}", holds=[hold(expires_at=later(60))]), NOW)
    seen: set[str] = set()
    while (at := await store.next_due()) is not None and at <= later(60) and len(seen) < 1000:
        seen |= {e.queue_id for e in await store.expire(later(61)) if e.outcome == "return"}
        await told(store, 61)
    assert len(seen) == 250


async def test_a_stop_is_over_when_the_copies_it_held_are(store: Store) -> None:
    """Nobody is told that their mail came back, about a mail that they had cancelled and that left in part."""
    per = {"pat@other.example": {"destination": "other.example:25"}}
    await store.put(mail(to=["bob@client.example", "pat@other.example"], per=per), NOW)
    (running,) = await claim(store, NOW, limit=1)
    await store.stop("Q1", by=ANN, hold=stopped(), now=NOW)
    await store.cancel("Q1", by=ANN, now=NOW)
    await store.settle(running, {d.id: OK for d in running.deliveries}, later(1))
    found = await store.get("Q1")
    assert found is not None
    assert found.open_holds == ()
    assert await store.next_due() is None


async def test_a_hold_decided_on_those_who_were_dropped_meanwhile_is_over(store: Store) -> None:
    to = ["bob@client.example", "pat@other.example"]
    await store.put(mail(to=to, holds=[Hold("", "still being checked", kind=HoldKind.UNDECIDED)]), NOW)
    await store.drop("Q1", ["pat@other.example"], by=ANN, now=NOW, edit_headers=False)
    about_pat = hold(scope=frozenset({"pat@other.example"}), expires_at=later(60))
    assert (await store.decide(mail(to=to, holds=[about_pat]), later(1))).remaining == ()
    assert await states(store) == {"bob@client.example": State.QUEUED, "pat@other.example": State.CANCELLED}
