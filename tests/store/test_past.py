"""What is learnt of a sender's mail: only from copies that were sent."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from mailguard.records import HoldKind, Kind
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from tests.store.making import ANN, NO, NOW, carry, claim, hold, later, mail, settle

A, B, C = "a@x.example", "b@y.example", "c@z.example"
SENDER = "ann@corp.example"


async def sent(store: Store, queue_id: str, to: Sequence[str], **more: object) -> None:
    await store.put(mail(queue_id, to=to, **more), NOW)  # type: ignore[arg-type]
    await carry(store)


async def test_nothing_is_known_of_a_stranger(store: Store) -> None:
    past = await store.facts_for("new@corp.example", [A], ["<x@y>"])
    assert (past.mails, past.since, past.written, past.together, past.thread) == (0, None, {}, {}, None)


async def test_who_was_written_to_how_often_and_with_whom(store: Store) -> None:
    await sent(store, "Q1", [A, B])
    await sent(store, "Q2", ["A@X.Example"])
    await sent(store, "Q3", [C])
    await sent(store, "Q4", [A], sender="other@corp.example")
    past = await store.facts_for(SENDER, [A, B, C, "d@x.example"], [])
    assert (past.mails, past.since) == (3, NOW)
    assert past.written == {A: 2, B: 1, C: 1}
    assert past.together == {A: frozenset({B}), B: frozenset({A})}


async def test_only_sent_copies_are_learnt(store: Store) -> None:
    to = [A, B, C]
    await store.put(mail(to=to, holds=[hold()]), NOW)
    await store.drop("Q1", [B], by=ANN, now=NOW, edit_headers=True)
    assert (await store.facts_for(SENDER, to, [])).mails == 0
    await store.send_now("Q1", by=ANN, now=NOW)
    await carry(store)
    await store.put(mail("Q2", to=to, delay=5), NOW)
    await store.cancel("Q2", by=ANN, now=NOW)
    await store.put(mail("Q3", to=to), NOW)
    await carry(store, NOW, NO)
    past = await store.facts_for(SENDER, to, [])
    assert (past.mails, past.written) == (1, {A: 1, C: 1})
    assert past.together == {A: frozenset({C}), C: frozenset({A})}


async def test_copies_that_leave_at_different_times_are_one_mail(store: Store) -> None:
    await store.put(mail(to=[A, B], per={B: {"due_at": later(5)}}), NOW)
    await carry(store)
    await carry(store, later(5))
    past = await store.facts_for(SENDER, [A, B], [])
    assert (past.mails, past.written, past.together[A]) == (1, {A: 1, B: 1}, frozenset({B}))


async def test_added_copies_automatic_mail_and_reports_teach_nothing(store: Store) -> None:
    await sent(store, "Q1", [A, B], per={B: {"added": True}})
    await sent(store, "Q2", [C], automatic=True)
    await sent(store, "Q3", [C], kind=Kind.DSN)
    past = await store.facts_for(SENDER, [A, B, C], [])
    assert (past.mails, past.written) == (1, {A: 1})


async def test_a_large_mailing_is_learnt_and_asked_in_good_time(store: Store) -> None:
    to = [f"u{i}@x.example" for i in range(1000)]
    await sent(store, "Q1", to)
    await sent(store, "Q2", to)
    past = await store.facts_for(SENDER, to, [])
    assert len(past.together) == 1000
    assert len(past.together[to[0]]) == 999


async def test_counting_ends_where_more_mails_say_nothing_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailguard.store.verbs.past.COUNTED", 3)
    for number in range(5):
        await sent(store, f"Q{number}", [A])
    past = await store.facts_for(SENDER, [A], [])
    assert (past.mails, past.written) == (5, {A: 3})


async def test_of_two_addresses_the_latest_mails_tell_whether_they_belong_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailguard.store.verbs.past._TOGETHER", 2)
    await sent(store, "Q0", [A, B])
    await sent(store, "Q1", [A])
    assert (await store.facts_for(SENDER, [A, B], [])).together == {A: frozenset({B}), B: frozenset({A})}
    for number in range(2, 5):
        await sent(store, f"Q{number}", [A])
    assert (await store.facts_for(SENDER, [A, B], [])).together == {}


# --- threads ---------------------------------------------------------------------------------------------------


async def test_a_thread_has_everyone_it_was_sent_to(store: Store) -> None:
    await store.put(mail("Q1", to=[A], message_id="<1@c>"), NOW)
    await store.put(mail("Q2", to=[B], message_id="<2@c>", references=("<1@c>",), sender="bob@corp.example"), NOW)
    await store.put(mail("Q3", to=[C], message_id="<3@c>"), NOW)
    for known in (["<1@c>"], ["<2@c>"], ["<0@c>", "<1@c>"]):
        assert (await store.facts_for(SENDER, [], known)).thread == frozenset({A, B, SENDER, "bob@corp.example"})
    assert (await store.facts_for(SENDER, [], ["<3@c>"])).thread == frozenset({C, SENDER})


async def test_a_mail_only_referred_to_was_never_seen(store: Store) -> None:
    await store.put(mail("Q1", to=[A], message_id="<1@c>", references=("<parent@client>",)), NOW)
    assert (await store.facts_for(SENDER, [], ["<parent@client>"])).thread is None
    await store.put(mail("Q2", to=[B], message_id="<2@c>", references=("<parent@client>",)), NOW)
    assert (await store.facts_for(SENDER, [], ["<2@c>"])).thread == frozenset({A, B, SENDER})


async def test_whoever_was_dropped_or_cancelled_is_not_on_the_thread(store: Store) -> None:
    await store.put(mail("Q1", to=[A, B], delay=5, message_id="<1@c>"), NOW)
    assert (await store.facts_for(SENDER, [], ["<1@c>"])).thread == frozenset({A, B, SENDER})
    await store.drop("Q1", [B], by=ANN, now=NOW, edit_headers=True)
    assert (await store.facts_for(SENDER, [], ["<1@c>"])).thread == frozenset({A, SENDER})
    await store.cancel("Q1", by=ANN, now=NOW)
    assert (await store.facts_for(SENDER, [], ["<1@c>"])).thread == frozenset({SENDER})


async def test_a_held_mail_adds_nobody_until_a_copy_is_sent(store: Store) -> None:
    await store.put(mail("Q1", to=[A, B], holds=[hold()], message_id="<1@c>"), NOW)
    assert (await store.facts_for(SENDER, [], ["<1@c>"])).thread == frozenset({SENDER})
    await store.send_now("Q1", by=ANN, now=NOW)
    await carry(store)
    assert (await store.facts_for(SENDER, [], ["<1@c>"])).thread == frozenset({A, B, SENDER})


async def test_whoever_got_a_copy_stays_on_the_thread(store: Store) -> None:
    await sent(store, "Q1", [A], message_id="<1@c>")
    await store.put(mail("Q2", to=[A], message_id="<2@c>", references=("<1@c>",), delay=5), NOW)
    await store.cancel("Q2", by=ANN, now=NOW)
    assert (await store.facts_for(SENDER, [], ["<1@c>"])).thread == frozenset({A, SENDER})


async def test_a_silent_added_copy_is_no_member(store: Store) -> None:
    special = {B: {"added": True, "visible": False}, C: {"added": True}}
    await store.put(mail("Q1", to=[A, B, C], message_id="<1@c>", per=special), NOW)
    assert (await store.facts_for(SENDER, [], ["<1@c>"])).thread == frozenset({A, C, SENDER})


# --- forgetting ------------------------------------------------------------------------------------------------


async def test_facts_are_forgotten_by_their_own_clock(store: Store) -> None:
    keep = Retention(timedelta(days=400), timedelta(days=800), timedelta(days=90))
    await sent(store, "Q1", [A])
    at = NOW + timedelta(days=60)
    await store.put(mail("Q2", to=[B]), at)
    (one,) = await claim(store, at)
    await settle(store, one, now=at)
    await store.purge(NOW + timedelta(days=91), keep)
    past = await store.facts_for(SENDER, [A, B], ["<Q1@corp.example>"])
    assert (past.mails, past.since, past.written, past.thread) == (1, at, {B: 1}, None)
    await store.purge(NOW + timedelta(days=151), keep)
    assert (await store.facts_for(SENDER, [A, B], [])).mails == 0
    assert await store.get("Q1") is not None


async def test_a_held_mail_can_end_after_its_thread_was_forgotten(store: Store) -> None:
    keep = Retention(timedelta(days=7), timedelta(days=400), timedelta(days=1))
    await store.put(mail(holds=[hold("", kind=HoldKind.ERROR)]), NOW)
    await store.purge(NOW + timedelta(days=2), keep)
    await store.send_now("Q1", by=ANN, now=NOW + timedelta(days=2))
    (one,) = await claim(store, NOW + timedelta(days=2))
    await settle(store, one, now=NOW + timedelta(days=2))
    assert (await store.facts_for(SENDER, ["bob@client.example"], [])).mails == 1


async def test_everybody_a_sender_wrote_to_and_every_domain_of_all(store: Store) -> None:
    await sent(store, "Q1", [A, "b@mail.y.example"])
    await sent(store, "Q2", [A])
    await sent(store, "Q3", [B, C], sender="other@corp.example")
    await store.put(mail("Q4", to=["held@h.example"], holds=[hold()]), NOW)
    assert await store.written_by(SENDER) == {A: 2, "b@mail.y.example": 1}
    assert await store.written_by("new@corp.example") == {}
    assert await store.written_domains() == {"x.example": 2, "y.example": 2, "z.example": 1}
