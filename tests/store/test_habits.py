"""What is remembered of who writes to whom: of copies that were sent, bounded, and erased for one person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from mailguard.records import Background, PastMail, Reached, Remembered
from mailguard.store.base import Store
from mailguard.store.retention import Retention
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
    assert await store.learn_past([PastMail(old, "one"), PastMail(old, digest=b"two")]) == 2
    assert await store.learn_past([PastMail(old, "one"), PastMail(old, digest=b"three")]) == 1
    assert len((await store.habits(SENDER, [])).sent) == 3
    past = await store.facts_for(SENDER, [A, C], [])
    assert (past.mails, past.written) == (3, {A: 3})
    assert past.since == later(-60 * 24 * 30)


async def test_a_sender_is_remembered_by_the_latest_mails(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(habits, "KEPT", 5)
    mails = [PastMail(letter([A], at=1000.0 + at), f"{at}") for at in range(20)]
    await store.learn_past(mails)
    assert [one.at for one in (await store.habits(SENDER, [])).sent] == [1014.0 + at for at in range(6)]


async def test_a_person_is_erased_as_sender_and_as_recipient(store: Store) -> None:
    await sent(store, "Q1", [A, B])
    got, other = letter([SENDER], sender=COLLEAGUE), letter([A], sender=COLLEAGUE)
    await store.learn_past([PastMail(got, "one"), PastMail(other, "two")])
    before = (await store.habits(COLLEAGUE, [])).erasures
    await store.forget_habits(SENDER, by=ANN, now=NOW)
    assert (await store.habits(COLLEAGUE, [])).erasures > before, "what was read before is good no more"
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


async def test_what_came_through_here_is_no_mail_of_an_archive(store: Store) -> None:
    """It is learnt when it leaves; its copy in the sender's own mailbox says nothing more, or it was cancelled."""
    for queue_id, name in (("Q1", "left"), ("Q2", "cancelled")):
        await store.put(replace(mail(queue_id, to=[A]), message_id=name, remembered=letter([A])), NOW)
    await store.cancel("Q2", by=ANN, now=NOW)
    await carry(store)
    await store.purge(later(60 * 24 * 200), Retention(timedelta(days=7), timedelta(days=400), timedelta(days=90)))
    copies = [PastMail(letter([A]), "left"), PastMail(letter([A]), "another")]
    assert await store.learn_past(copies) == 1, "also when its conversation is forgotten"
    assert len((await store.habits(SENDER, [])).sent) == 2


async def test_a_cancelled_mail_is_not_learnt_from_the_mailbox(store: Store) -> None:
    await store.put(replace(mail("Q1", to=[A]), message_id="cancelled", remembered=letter([A])), NOW)
    await store.cancel("Q1", by=ANN, now=NOW)
    assert await store.learn_past([PastMail(letter([A]), "cancelled")]) == 0


async def test_how_far_an_archive_was_read_commits_with_its_mails(store: Store) -> None:
    assert await store.recall("history.*") == {}
    await store.learn_past([PastMail(letter([A]), "one")], Reached("history.x", {"uid": 7}, NOW))
    assert await store.recall("history.x") == {"history.x": {"uid": 7}}


async def test_what_was_sent_before_anything_was_remembered_is_learnt_once(store: Store) -> None:
    for queue_id, to in (("Q1", [A, B]), ("Q2", [C])):
        await store.put(replace(mail(queue_id, to=to), message_id=queue_id), NOW)
    await store.drop("Q1", [B], by=ANN, now=NOW, edit_headers=True)
    await carry(store)
    await sent(store, "Q3", [A])
    found, last = await store.unremembered(0, 10)
    assert [(one.queue_id, to) for _, one, to in found] == [("Q1", (A,)), ("Q2", (C,))]
    assert await store.unremembered(last, 10) == ([], last)
    past = [PastMail(letter(to), one.message_id, number=number) for number, one, to in found]
    assert await store.learn_past(past) == 2
    assert await store.learn_past(past) == 0
    assert await store.unremembered(0, 10) == ([], 0)
    known = await store.facts_for(SENDER, [A, C], [])
    assert (known.mails, known.written) == (3, {A: 2, C: 1}), "who wrote to whom was known, and is not counted twice"
    assert len((await store.habits(SENDER, [])).sent) == 3


async def test_who_was_forgotten_is_not_learnt_again_from_here(store: Store) -> None:
    await store.put(mail("Q1", to=[A]), NOW)
    await carry(store)
    await store.forget_habits(SENDER, by=ANN, now=NOW)
    assert (await store.unremembered(0, 10))[0] == []
