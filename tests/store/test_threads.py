"""What is remembered of a conversation and of texts: by whom it goes on, who was taken off, where a passage was."""

from typing import Any

import pytest

from mailguard.mail.sketch import Sketch, passages, sketch
from mailguard.mail.text import Text
from mailguard.records import HoldKind, Thread
from mailguard.store.base import Store
from tests.store.making import ANN, NOW, carry, hold, later, mail

A, B, C = "a@x.example", "b@y.example", "c@z.example"
SENDER, BOB = "ann@corp.example", "bob@corp.example"
TEXT = (
    "the delivery will slip by three weeks because the supplier lost the second shift in his northern plant this year"
)
SKETCH = sketch(Text(TEXT))


async def put(store: Store, number: int, to: list[str], answers: str = "", **more: Any) -> None:
    """Mail number n of a conversation; `answers` is the id it answers, and refers to the first one too."""
    references = tuple(dict.fromkeys(filter(None, (answers, "<1@c>" if number > 1 else ""))))
    made = mail(f"Q{number}", to=to, message_id=f"<{number}@c>", references=references, parent=answers, **more)
    await store.put(made, NOW)


async def sent(store: Store, number: int, to: list[str], answers: str = "", *, at: float = 0, **more: Any) -> None:
    await put(store, number, to, answers, **more)
    await carry(store, later(at or number))


async def thread(store: Store, *to: str, parent: str = "<1@c>", sender: str = SENDER) -> Thread:
    found = await store.thread(sender, to, [parent, "<1@c>"], parent)
    assert found is not None
    return found


async def test_a_conversation_nobody_saw_is_none(store: Store) -> None:
    await put(store, 1, [A], "<parent@client>")
    assert await store.thread(SENDER, [A], ["<parent@client>"], "<parent@client>") is None
    assert await store.thread(SENDER, [A], [], "") is None


async def test_its_members_and_those_who_may_be_named(store: Store) -> None:
    await sent(store, 1, [A, B], per={B: {"visible": False}})
    found = await thread(store)
    assert (set(found.members), set(found.named)) == ({SENDER, A, B}, {SENDER, A})
    await sent(store, 2, [B], "<1@c>", sender=BOB)
    assert (await thread(store)).named == {SENDER, BOB, A, B}


async def test_a_mark_or_a_rules_tag_makes_it_confidential(store: Store) -> None:
    await sent(store, 1, [A])
    assert not (await thread(store)).confidential
    await sent(store, 2, [A], "<1@c>", confidential=True)
    await sent(store, 3, [A], "<2@c>")
    assert (await thread(store, parent="<3@c>")).confidential
    tagged = mail("Q9", to=[A], message_id="<9@c>")
    verdict = type(tagged.verdict)(tagged.verdict.action, tags=("confidential",))
    await store.put(mail("Q9", to=[A], message_id="<9@c>", verdict=verdict), NOW)
    found = await store.thread(SENDER, [A], ["<9@c>"], "<9@c>")
    assert found is not None
    assert found.confidential


async def test_whoever_a_person_took_off_is_so_until_they_get_a_copy(store: Store) -> None:
    await put(store, 1, [A, B], holds=[hold()])
    await store.drop("Q1", [B], by=ANN, now=NOW, edit_headers=True)
    await store.send_now("Q1", by=ANN, now=NOW)
    await carry(store)
    assert (await thread(store, A, B)).taken_off == {B}
    assert (await thread(store, A)).taken_off == frozenset()
    await put(store, 2, [A, B], "<1@c>", delay=5)
    assert (await thread(store, B)).taken_off == {B}
    await carry(store, later(5))
    assert (await thread(store, B)).taken_off == frozenset()


async def test_somebody_who_was_on_it_before_can_be_taken_off_too(store: Store) -> None:
    await sent(store, 1, [A, B])
    await put(store, 2, [A, B], "<1@c>", delay=5)
    await store.drop("Q2", [B], by=ANN, now=NOW, edit_headers=True)
    found = await thread(store, B)
    assert (set(found.taken_off), B in found.members) == ({B}, True)


async def test_a_mail_taken_back_as_a_whole_takes_nobody_off(store: Store) -> None:
    await put(store, 1, [A, B], delay=5)
    await store.cancel("Q1", by=ANN, now=NOW)
    assert (await thread(store, A, B)).taken_off == frozenset()


# --- follow-ups ------------------------------------------------------------------------------------------------


async def count(store: Store, to: str, parent: str) -> int:
    return (await thread(store, to, parent=parent)).unanswered.get(to, 0)


async def test_own_mails_in_a_row_are_counted_for_each_recipient(store: Store) -> None:
    await sent(store, 1, [A])
    await sent(store, 2, [A], "<1@c>")
    await sent(store, 3, [A, B], "<1@c>")  # again from the first one, as from the folder of sent mail
    assert (await count(store, A, "<3@c>"), await count(store, B, "<3@c>"), await count(store, C, "<3@c>")) == (3, 1, 0)


async def test_an_answer_seen_or_named_begins_it_anew(store: Store) -> None:
    await sent(store, 1, [A])
    await sent(store, 2, [A], "<1@c>")
    assert await count(store, A, "<unseen@x>") == 0  # this very mail answers
    await sent(store, 3, [A], "<unseen@x>")  # so did this one
    assert await count(store, A, "<3@c>") == 1
    await sent(store, 4, [SENDER], "<3@c>", sender=BOB)
    await sent(store, 5, [A], "<3@c>")
    assert await count(store, A, "<5@c>") == 1


async def test_what_never_left_and_automatic_answers_do_not_count(store: Store) -> None:
    await sent(store, 1, [A])
    await put(store, 2, [A], "<1@c>", delay=5)
    await store.cancel("Q2", by=ANN, now=NOW)
    assert await count(store, A, "<1@c>") == 1
    await sent(store, 3, [SENDER], "<1@c>", sender="", automatic=True)  # out of office
    assert await count(store, A, "<1@c>") == 1


# --- texts -----------------------------------------------------------------------------------------------------


async def test_passages_are_known_of_those_who_got_the_mail(store: Store) -> None:
    special = {A: {"external": True}, B: {"external": True, "visible": False}}
    await put(store, 1, [A, B, BOB], sketch=SKETCH, per=special)
    assert await store.heard(SKETCH.new) == ()
    await carry(store)
    (audience,) = await store.heard([*SKETCH.new, 42])
    assert (set(audience.addresses), set(audience.named)) == ({A, B}, {A})
    assert audience.passages == set(SKETCH.new)


async def test_what_stays_inside_has_an_audience_of_nobody(store: Store) -> None:
    await sent(store, 1, [BOB], sketch=SKETCH)
    (audience,) = await store.heard(SKETCH.new)
    assert audience.addresses == frozenset()


async def test_whoever_wrote_what_is_quoted_has_it(store: Store) -> None:
    """Passed on inside: its author is known. Where nobody is named, it may be anybody's, and is not kept."""
    await sent(store, 1, [BOB], sketch=Sketch(quoted=SKETCH.new, authors=(A,)))
    (text,) = await store.heard(SKETCH.new)
    assert (set(text.addresses), text.kept) == ({A}, len(SKETCH.new))
    other = tuple(passage + 1 for passage in SKETCH.new)
    await sent(store, 2, [BOB], sketch=Sketch(quoted=other))
    assert await store.heard(other) == ()


async def test_a_cancelled_mail_told_nobody_anything(store: Store) -> None:
    await put(store, 1, [A], sketch=SKETCH, delay=5, per={A: {"external": True}})
    await store.cancel("Q1", by=ANN, now=NOW)
    assert await store.heard(SKETCH.new) == ()


async def test_a_form_letter_is_not_kept_for_everybody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailguard.store.verbs.sketches.KNOWN", 3)
    for number in range(5):
        await store.put(mail(f"Q{number}", [f"a@x{number}.example"], sketch=SKETCH, message_id=f"<{number}@f>"), NOW)
        await carry(store)
    assert len(await store.heard(SKETCH.new)) == 3


async def test_what_waits_of_the_sender_for_the_same_people(store: Store) -> None:
    await put(store, 1, [A, B], sketch=SKETCH, holds=[hold()])
    await store.put(mail("Q7", [A], sketch=SKETCH, delay=5), NOW)
    await store.put(mail("Q8", [A], sketch=SKETCH, delay=5, sender=BOB), NOW)
    await store.put(mail("Q9", [A], delay=5), NOW)
    found = await store.waiting(SENDER, [A, C])
    assert [(one.queue_id, set(one.recipients), one.own) for one in found] == [
        ("Q7", {A}, SKETCH.own),
        ("Q1", {A}, SKETCH.own),
    ]
    assert await store.waiting(SENDER, [C]) == ()
    await carry(store, later(5))
    await store.cancel("Q1", by=ANN, now=NOW)
    assert await store.waiting(SENDER, [A]) == ()


def test_a_short_text_says_nothing() -> None:
    assert sketch(Text("Ok, thanks!\n\nAnn\nCorp Example\n+48 22 123 45 67\n")).new == ()
    assert sketch(Text("Thanks, Ann")) == Sketch()
    assert set(passages(TEXT)) == set(SKETCH.new)


async def test_what_is_decided_late_is_remembered_then(store: Store) -> None:
    await put(store, 1, [A], holds=[hold("undecided", kind=HoldKind.UNDECIDED)])
    assert await store.waiting(SENDER, [A]) == ()
    decided = mail("Q1", to=[A], message_id="<1@c>", sketch=SKETCH, confidential=True, delay=5)
    await store.decide(decided, NOW)
    assert [one.queue_id for one in await store.waiting(SENDER, [A])] == ["Q1"]
    assert (await thread(store)).confidential
