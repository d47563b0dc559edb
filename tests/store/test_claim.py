"""Mail out: claimed when due, owned by one attempt, settled once."""

import asyncio
from datetime import timedelta

import pytest

from mailguard.errors import ClaimLost
from mailguard.locale import language, saying
from mailguard.records import HoldKind, Kind, Outcome, Reply, Result, State
from mailguard.store.base import Store
from tests.store.making import (
    ADMIN,
    ANN,
    LEASE,
    NO,
    NOW,
    OK,
    carry,
    claim,
    deferred,
    hold,
    kinds,
    later,
    mail,
    settle,
    state,
    states,
    stopped,
)


async def test_a_delay_is_claimed_exactly_when_it_is_due(store: Store) -> None:
    await store.put(mail(delay=5), NOW)
    assert await store.next_due() == later(5)
    assert await claim(store, later(5) - timedelta(microseconds=1)) == []
    (one,) = await claim(store, later(5))
    assert await state(store) is State.SENDING
    assert one.lease_until == later(5) + LEASE
    (d,) = one.deliveries
    assert (d.attempts, d.released_at, d.state) == (1, later(5), State.SENDING)
    assert d.due_at == later(5), "lateness is reckoned from it"
    assert await store.next_due() is None
    assert await claim(store, later(5)) == []


async def test_one_claim_has_a_mails_due_recipients_at_one_destination(store: Store) -> None:
    to = ("a@x.example", "b@x.example", "c@y.example", "d@x.example")
    special: dict[str, dict[str, object]] = {
        "c@y.example": {"destination": "mx:y.example"},
        "d@x.example": {"due_at": later(5)},
    }
    await store.put(mail(to=to, destination="mx:x.example", per=special), NOW)
    found = {one.destination: [d.address for d in one.deliveries] for one in await claim(store)}
    assert found == {"mx:x.example": ["a@x.example", "b@x.example"], "mx:y.example": ["c@y.example"]}
    (rest,) = await claim(store, later(7))
    assert [(d.address, d.due_at) for d in rest.deliveries] == [("d@x.example", later(5))]
    assert len(rest.mail.deliveries) == 4


async def test_oldest_first_and_fair_over_destinations(store: Store) -> None:
    for i in range(6):
        await store.put(mail(f"A{i}", destination="a:25", per={"bob@client.example": {"due_at": later(-10 + i)}}), NOW)
    await store.put(mail("B0", destination="b:25", per={"bob@client.example": {"due_at": later(-1)}}), NOW)
    await store.put(mail("C0", destination="c:25", per={"bob@client.example": {"due_at": later(-20)}}), NOW)
    got = await claim(store, per_destination=3, skip={"a:25": 1})
    assert [one.mail.queue_id for one in got] == ["C0", "A0", "A1", "B0"]
    assert await claim(store, per_destination=3, skip={"a:25": 3, "b:25": 9}) == []
    assert [one.mail.queue_id for one in await claim(store, limit=1)] == ["A2"]


async def test_a_mail_for_many_at_one_destination_is_one_claim_whatever_the_cap(store: Store) -> None:
    await store.put(mail("BIG", to=[f"u{i}@x.example" for i in range(1000)]), NOW)
    await store.put(mail("NEXT", per={"bob@client.example": {"due_at": later(1)}}), NOW)
    got = await claim(store, later(1), per_destination=2)
    assert [(one.mail.queue_id, len(one.deliveries)) for one in got] == [("BIG", 1000), ("NEXT", 1)]
    await asyncio.gather(*(settle(store, one, now=later(1)) for one in got))
    assert (await store.counts(NOW)).deliveries[State.SENT] == 1001


async def test_outcomes_are_written_and_told(store: Store) -> None:
    to = ("sent@x.example", "failed@x.example", "deferred@x.example")
    await store.put(mail(to=to), NOW)
    (one,) = await claim(store)
    sent, failed, again = (d.id for d in one.deliveries)
    lost = Outcome(Result.SENT, Reply(250, "", "ok"), ambiguous=True)
    await store.settle(one, {sent: lost, failed: NO, again: deferred(later(3))}, later(1))
    found = await store.get("Q1")
    assert found is not None
    assert [(d.state, d.due_at, d.ended_at, d.last_reply) for d in found.deliveries] == [
        (State.SENT, None, later(1), "250 ok"),
        (State.FAILED, None, later(1), "550 5.1.1 no such user"),
        (State.QUEUED, later(3), None, "451 4.3.0 not now"),
    ]
    assert (await kinds(store))[-3:] == ["delivery.ambiguous", "delivery.failed", "delivery.deferred"]
    (rest,) = await claim(store, later(3))
    assert (rest.deliveries[0].attempts, rest.deliveries[0].released_at) == (2, NOW)


async def test_our_own_words_of_an_attempt_can_be_said_in_another_language(store: Store) -> None:
    await store.put(mail(), NOW)
    (one,) = await claim(store)
    nowhere = Reply(550, "5.1.2", saying("the domain {domain} does not exist", domain="x.example"))
    await store.settle(one, {d.id: Outcome(Result.FAILED, nowhere) for d in one.deliveries}, later(1))
    found = await store.get("Q1")
    assert found is not None
    (said,) = {d.last_reply for d in found.deliveries}
    assert said == "550 5.1.2 the domain x.example does not exist"
    assert language("pl").tell(said) == "550 5.1.2 domena x.example nie istnieje"


async def test_a_report_commits_with_the_failure_or_not_at_all(store: Store) -> None:
    await store.put(mail(), NOW)
    (one,) = await claim(store)
    report = mail("DSN1", to=("ann@corp.example",), sender="", kind=Kind.DSN)
    await store.reclaim(later(6))
    with pytest.raises(ClaimLost):
        await settle(store, one, NO, later(6), reports=[report])
    assert await store.get("DSN1") is None
    (fresh,) = await claim(store, later(6))
    await settle(store, fresh, NO, later(6), reports=[report])
    assert await state(store, "Q1") is State.FAILED
    found = await store.get("DSN1")
    assert found is not None
    assert (found.kind, found.envelope.sender) == (Kind.DSN, "")


async def test_a_stale_claim_writes_nothing(store: Store) -> None:
    await store.put(mail(to=("a@x.example", "b@x.example")), NOW)
    (first,) = await claim(store)
    assert await store.reclaim(later(4)) == 0
    assert await store.reclaim(later(5)) == 2
    (second,) = await claim(store, later(5))
    assert second.fence != first.fence
    with pytest.raises(ClaimLost):
        await settle(store, first, now=later(6))
    with pytest.raises(ClaimLost):
        await store.renew(first, later(6), LEASE)
    assert await state(store) is State.SENDING
    await settle(store, second, now=later(6))
    with pytest.raises(ClaimLost):
        await settle(store, second, NO, now=later(6))
    assert await state(store) is State.SENT


async def test_a_renewed_claim_is_not_given_away(store: Store) -> None:
    await store.put(mail(), NOW)
    (one,) = await claim(store)
    await store.renew(one, later(4), LEASE)
    assert await store.reclaim(later(8)) == 0
    await settle(store, one, now=later(8))
    assert await state(store) is State.SENT


async def test_an_empty_reclaim_at_start_takes_everything_back(store: Store) -> None:
    await store.put(mail(), NOW)
    await claim(store)
    assert await store.reclaim(NOW, everything=True) == 1
    assert await store.next_due() == NOW
    assert "delivery.interrupted" in await kinds(store)


async def test_three_attempts_without_an_outcome_set_a_mail_aside(store: Store) -> None:
    await store.put(mail(), NOW)
    await store.put(mail("Q2"), NOW)
    for turn in range(3):
        got = {one.mail.queue_id: one for one in await claim(store, later(turn))}
        if "Q2" in got:
            await settle(store, got["Q2"])
        await store.reclaim(later(turn), everything=True)
    assert await state(store) is State.HELD
    assert await state(store, "Q2") is State.SENT
    found = await store.get("Q1")
    assert found is not None
    assert [h.kind for h in found.open_holds] == [HoldKind.POISON]
    told = await store.claim_notices(later(3), lease=LEASE, limit=9, digest_over=3, digest_within=LEASE)
    assert [n.person for n in told] == ["ann@corp.example"]
    assert (await store.requeue("Q1", by=ADMIN, now=later(9))).changed == (found.deliveries[0].id,)
    assert len(await carry(store, later(9))) == 1
    assert await state(store) is State.SENT


async def test_an_outcome_in_between_starts_the_count_of_crashes_afresh(store: Store) -> None:
    await store.put(mail(), NOW)
    for crashes in (2, 2):
        for _ in range(crashes):
            await claim(store, later(1))
            await store.reclaim(later(1), everything=True)
        await carry(store, later(1), deferred(later(1)))
    assert await state(store) is State.QUEUED


async def test_quarantine_holds_the_claimed_and_the_waiting(store: Store) -> None:
    to = ("a@x.example", "b@x.example")
    await store.put(mail(to=to, per={"b@x.example": {"due_at": later(5)}}), NOW)
    (one,) = await claim(store)
    await store.quarantine(one, hold("", kind=HoldKind.DAMAGED, expires_at=later(60)), NOW)
    assert await state(store) is State.HELD
    assert "message.damaged" in await kinds(store)
    with pytest.raises(ClaimLost):
        await settle(store, one)
    with pytest.raises(ClaimLost):
        await store.quarantine(one, hold("", kind=HoldKind.DAMAGED), NOW)
    await store.stop("Q1", by=ANN, hold=stopped(), now=NOW)
    assert await store.expire(later(100_000)) == []
    assert (await store.send_now("Q1", by=ANN, now=NOW)).remaining
    assert await state(store) is State.HELD


async def test_what_comes_back_to_a_hold_is_held(store: Store) -> None:
    to = ("a@x.example", "b@x.example")
    await store.put(mail(to=to, per={"b@x.example": {"due_at": later(5)}}), NOW)
    (one,) = await claim(store)
    await store.stop("Q1", by=ANN, hold=stopped(), now=NOW)
    assert await states(store) == {"a@x.example": State.SENDING, "b@x.example": State.HELD}
    await settle(store, one, deferred(later(1)))
    assert await state(store) is State.HELD


async def test_what_comes_back_to_a_cancelled_mail_is_cancelled(store: Store) -> None:
    to = ("a@x.example", "b@x.example", "c@y.example")
    special: dict[str, dict[str, object]] = {
        "b@x.example": {"due_at": later(5)},
        "c@y.example": {"destination": "y:25"},
    }
    await store.put(mail(to=to, per=special), NOW)
    first, second = await claim(store)
    await store.cancel("Q1", by=ANN, now=NOW)
    await settle(store, first, deferred(later(1)))
    await settle(store, second, OK)
    assert await states(store) == {
        "a@x.example": State.CANCELLED,
        "b@x.example": State.CANCELLED,
        "c@y.example": State.SENT,
    }


async def test_who_was_not_alone_when_the_process_ended_is_not_set_aside(store: Store) -> None:
    await store.put(mail("Q1"), NOW)
    await store.put(mail("Q2", ["lee@other.example"], destination="other.example:25"), NOW)
    for turn in range(6):
        assert len(await claim(store, later(turn))) == 2
        await store.reclaim(later(turn), everything=True)
    assert await states(store, "Q1") == {"bob@client.example": State.QUEUED}


async def test_suspects_come_one_at_a_time_and_in_turns_and_the_third_time_names_one(store: Store) -> None:
    await store.put(mail("Q1"), NOW)
    await store.put(mail("Q2", ["lee@other.example"], destination="other.example:25"), NOW)
    assert await store.claim_interrupted("worker", NOW, lease=LEASE) == []
    await claim(store)
    await store.reclaim(NOW, everything=True)
    asked = []
    for turn in range(1, 4):
        (one,) = await store.claim_interrupted("worker", later(turn), lease=LEASE)
        asked.append(one.mail.queue_id)
        await store.reclaim(later(turn), everything=True)
    assert asked == ["Q1", "Q2", "Q1"]
    held = await store.get("Q1")
    assert held is not None
    assert [one.kind for one in held.open_holds] == [HoldKind.POISON]
    (one,) = await store.claim_interrupted("worker", later(4), lease=LEASE)
    await settle(store, one, OK, later(4))
    assert await store.claim_interrupted("worker", later(5), lease=LEASE) == []
    assert await states(store, "Q2") == {"lee@other.example": State.SENT}


async def test_what_is_set_aside_after_it_was_cancelled_is_cancelled(store: Store) -> None:
    per = {"pat@other.example": {"destination": "other.example:25"}}
    await store.put(mail(to=["bob@client.example", "pat@other.example"], per=per), NOW)
    running, other = await claim(store, NOW, limit=2)
    await store.quarantine(other, hold("", kind=HoldKind.POISON), NOW)
    await store.cancel("Q1", by=ANN, now=NOW)
    await store.quarantine(running, hold("", kind=HoldKind.DAMAGED), later(1))
    assert await state(store) is State.CANCELLED
    found = await store.get("Q1")
    assert found is not None
    assert found.open_holds == ()
    assert (await kinds(store))[-1] == "message.damaged"


async def test_a_third_crash_of_what_was_cancelled_tells_nobody_of_a_hold(store: Store) -> None:
    per = {"pat@other.example": {"destination": "other.example:25", "due_at": later(500)}}
    await store.put(mail(to=["bob@client.example", "pat@other.example"], per=per), NOW)
    for minute in (0, 10):
        await claim(store, later(minute))
        await store.reclaim(later(minute + 9))
    await claim(store, later(20))
    await store.cancel("Q1", by=ANN, now=later(21))
    await store.reclaim(later(29))
    assert await state(store) is State.CANCELLED
    assert "message.held" not in await kinds(store)
    assert await store.next_due() is None
