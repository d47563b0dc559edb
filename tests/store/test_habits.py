"""What is remembered of who writes to whom: of copies that were sent, bounded, and erased for one person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from mailguard.records import Background, Remembered
from mailguard.store.base import Retention, Store
from mailguard.store.verbs import habits
from tests.store.making import ANN, NOW, carry, claim, later, mail, settle

A, B, C = "a@x.example", "b@y.example", "c@z.example"
SENDER, COLLEAGUE = "ann@corp.example", "lee@corp.example"


def letter(
    to: Sequence[str], *, sender: str = SENDER, at: float = 0.0, scores: dict[str, float] | None = None
) -> Remembered:
    return Remembered(sender, at or NOW.timestamp(), tuple(to), frozenset(to[1:]), 7, (1, 2**32 - 1), scores or {})


async def sent(store: Store, queue_id: str, to: Sequence[str], scores: dict[str, float] | None = None) -> None:
    await store.put(replace(mail(queue_id, to=to), remembered=letter(to, scores=scores)), NOW)
    await carry(store)


async def test_a_mail_is_remembered_as_it_was_written(store: Store) -> None:
    await sent(store, "Q1", [A, B], {A: -1.5})
    found = await store.habits(SENDER, [A, C])
    (one,) = found.sent
    assert replace(one, number=0) == replace(letter([A, B], scores={A: -1.5}), number=0)
    assert one.score == -1.5
    assert found.background == {A: Background({SENDER: 1}, NOW.timestamp())}
    assert found.got == ()


async def test_nothing_is_known_before_it_left(store: Store) -> None:
    await store.put(replace(mail("Q1", to=[A]), remembered=letter([A])), NOW)
    assert (await store.habits(SENDER, [A])).sent == ()
    await store.cancel("Q1", by=ANN, now=NOW)
    assert (await store.habits(SENDER, [A])).sent == ()


async def test_only_who_got_it_is_remembered(store: Store) -> None:
    await store.put(replace(mail("Q1", to=[A, B]), remembered=letter([A, B], scores={A: 1.0, B: 5.0})), NOW)
    await store.drop("Q1", [B], by=ANN, now=NOW, edit_headers=True)
    await carry(store)
    (one,) = (await store.habits(SENDER, [])).sent
    assert (one.recipients, one.score) == ((A,), 1.0), "whom a person took off says nothing about what is usual"


async def test_a_copy_that_left_later_belongs_to_the_same_mail(store: Store) -> None:
    places = {A: {"destination": "x:25"}, B: {"destination": "y:25"}}
    await store.put(replace(mail("Q1", to=[A, B], per=places), remembered=letter([A, B])), NOW)
    first, second = await claim(store)
    await settle(store, first)
    before = await store.habits(SENDER, [])
    await settle(store, second)
    (whole,) = (await store.habits(SENDER, [])).sent
    assert set(whole.recipients) == {A, B}
    assert [one.number for one in (await store.habits(SENDER, [], before.seen)).sent] == [whole.number]


async def test_what_came_later_is_asked_for_alone(store: Store) -> None:
    await sent(store, "Q1", [A])
    first = await store.habits(SENDER, [])
    await sent(store, "Q2", [B])
    second = await store.habits(SENDER, [], first.seen)
    assert [one.recipients for one in second.sent] == [(B,)]
    assert (await store.habits(SENDER, [], second.seen)).sent == ()


async def test_what_a_person_got_is_known_with_everybody_on_it(store: Store) -> None:
    await sent(store, "Q1", [COLLEAGUE, B])
    found = await store.habits(COLLEAGUE, [])
    assert found.sent == ()
    (one,) = found.got
    assert (one.sender, set(one.recipients), one.words) == (SENDER, {COLLEAGUE, B}, ())


async def test_an_import_is_remembered_once_and_counts_as_written(store: Store) -> None:
    old = letter([A, B], at=later(-60 * 24 * 30).timestamp())
    assert await store.learn_past([(b"one", old), (b"two", old)]) == 2
    assert await store.learn_past([(b"one", old), (b"three", old)]) == 1
    assert len((await store.habits(SENDER, [])).sent) == 3
    past = await store.facts_for(SENDER, [A, C], [])
    assert (past.mails, past.written) == (3, {A: 3})
    assert past.since == later(-60 * 24 * 30)


async def test_a_sender_is_remembered_by_the_latest_mails(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(habits, "KEPT", 5)
    mails = [(bytes([at]), letter([A], at=1000.0 + at)) for at in range(20)]
    await store.learn_past(mails)
    assert [one.at for one in (await store.habits(SENDER, [])).sent] == [1014.0 + at for at in range(6)]


async def test_a_person_is_erased_as_sender_and_as_recipient(store: Store) -> None:
    await sent(store, "Q1", [A, B])
    await store.learn_past([(b"one", letter([SENDER], sender=COLLEAGUE)), (b"two", letter([A], sender=COLLEAGUE))])
    await store.forget_habits(SENDER, by=ANN, now=NOW)
    found = await store.habits(SENDER, [A])
    assert (found.sent, found.got) == ((), ())
    assert found.background[A].senders == {COLLEAGUE: 1}
    past = await store.facts_for(SENDER, [A], [])
    assert (past.mails, past.written) == (0, {})
    assert [one.recipients for one in (await store.habits(COLLEAGUE, [])).sent] == [(A,)]


async def test_it_is_forgotten_by_its_own_clock(store: Store) -> None:
    await sent(store, "Q1", [A])
    day = timedelta(days=1)
    keep = Retention(bodies=7 * day, decisions=400 * day, facts=5 * day, habits=50 * day)
    await store.purge(NOW + 49 * day, keep)
    assert len((await store.habits(SENDER, [])).sent) == 1
    await store.purge(NOW + 51 * day, keep)
    assert (await store.habits(SENDER, [])).sent == ()
