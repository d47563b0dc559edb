"""Who stands out among a mail's recipients, and when nothing is said."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from mailguard.history import Learn, first_contact, unexpected
from mailguard.records import Past
from mailguard.testing import MONDAY

LEE, PAT, BOSS = "lee@corp.example", "pat@corp.example", "boss@corp.example"
KIM, WARD, MO = "kim@client.example", "ward@client.example", "mo@rival.example"
LEARN = Learn(mails=100, days=14)


def past(*groups: Sequence[str], mails: int = 100, days: int = 14, thread: Sequence[str] | None = None) -> Past:
    """A sender who wrote ten mails to each of these groups."""
    written: dict[str, int] = {}
    together: dict[str, frozenset[str]] = {}
    for group in groups:
        for one in group:
            written[one] = written.get(one, 0) + 10
            together[one] = together.get(one, frozenset()) | (set(group) - {one})
    since = MONDAY - timedelta(days=days)
    return Past(mails, since, written, together, None if thread is None else frozenset(thread))


def odd(known: Past, *recipients: str) -> set[str]:
    found = unexpected(known, recipients, LEARN, MONDAY)
    assert found is not None
    return set(found)


@pytest.mark.parametrize(
    ("groups", "recipients", "expected"),
    [
        # the others were in one mail before
        ([(LEE, PAT)], (LEE, PAT, WARD), {WARD}),
        ([(LEE, PAT), (WARD,)], (LEE, PAT, WARD), {WARD}),  # known, but only alone
        ([(LEE, PAT, WARD)], (LEE, PAT, WARD), set()),
        ([(LEE, PAT), (LEE, WARD)], (LEE, PAT, WARD), set()),  # with any of them is enough
        ([(LEE, PAT)], (LEE, PAT, WARD, MO), {WARD, MO}),
        # one other
        ([(LEE,)], (LEE, WARD), {WARD}),
        ([(LEE,), (WARD,)], (LEE, WARD), {LEE, WARD}),
        ([], (LEE, WARD), set()),
        ([(LEE, WARD)], (LEE, WARD), set()),
        # the others share a domain
        ([(LEE,), (PAT,)], (LEE, PAT, WARD), {WARD}),
        ([(LEE,)], (LEE, PAT, WARD), {WARD}),
        ([(LEE,), (PAT,), (BOSS,)], (LEE, PAT, BOSS), set()),  # a kick-off inside
        # a new group: nobody is the odd one out
        ([(LEE,), (KIM,), (MO,)], (LEE, KIM, MO), set()),
        ([], (LEE, PAT, WARD), set()),
        # alone
        ([(LEE, PAT)], (WARD,), set()),
        ([(LEE, PAT)], (), set()),
    ],
)
def test_who_was_never_together_with_others_that_belong_together(
    groups: list[Sequence[str]], recipients: tuple[str, ...], expected: set[str]
) -> None:
    assert odd(past(*groups), *recipients) == expected


@pytest.mark.parametrize(
    ("thread", "recipients", "expected"),
    [
        ((LEE, PAT), (LEE, PAT, BOSS), {BOSS}),  # a usual companion, but new here
        ((LEE, PAT, BOSS), (LEE, PAT, BOSS), set()),
        ((KIM, MO), (LEE, PAT), set()),  # passed on to others: a forward
        ((LEE,), (BOSS,), set()),
        (None, (LEE, PAT, BOSS), set()),  # its parent was never seen
    ],
)
def test_who_was_not_on_the_thread(
    thread: tuple[str, ...] | None, recipients: tuple[str, ...], expected: set[str]
) -> None:
    assert odd(past((LEE, PAT, BOSS), thread=thread), *recipients) == expected


def test_being_on_a_colleagues_thread_does_not_excuse_an_outsider() -> None:
    known = past((LEE, PAT), thread=(LEE, PAT, WARD))
    assert odd(known, LEE, PAT, WARD) == {WARD}


@pytest.mark.parametrize(("mails", "days", "speaks"), [(100, 14, True), (99, 14, False), (100, 13, False)])
def test_nothing_is_said_of_a_sender_who_is_still_being_learnt(mails: int, days: int, speaks: bool) -> None:
    known = past((LEE, PAT), mails=mails, days=days)
    assert (unexpected(known, (LEE, PAT, WARD), LEARN, MONDAY) is not None) is speaks
    assert (first_contact(known, (WARD,), LEARN, MONDAY) is not None) is speaks


def test_learning_can_be_switched_off_but_not_for_somebody_unknown() -> None:
    assert unexpected(Past(), (LEE, PAT), Learn(mails=0, days=0), MONDAY) == {}
    assert unexpected(Past(), (LEE, PAT), Learn(mails=0, days=1), MONDAY) is None


def test_the_sentences_say_what_was_seen() -> None:
    known = past((LEE, PAT), (WARD,), thread=(LEE, PAT))
    found = unexpected(known, (LEE, PAT, KIM), LEARN, MONDAY)
    assert found == {KIM: f"You have written 10 mails to {LEE}, but never one together with {KIM} or the others"}
    found = unexpected(known, (LEE, PAT, WARD), LEARN, MONDAY)
    assert found == {
        WARD: f"You have written 10 mails to {WARD}, but never one together with {LEE} or any of the others"
    }
    found = unexpected(past((LEE, PAT), thread=(LEE,)), (LEE, PAT), LEARN, MONDAY)
    assert found == {PAT: f"{PAT} was not on this thread"}


def test_a_first_contact_was_never_written_to() -> None:
    found = first_contact(past((LEE,)), (LEE, WARD), LEARN, MONDAY)
    assert found == {WARD: f"You have never written to {WARD} before"}


def test_a_thousand_recipients_take_no_time() -> None:
    many = [f"p{n}@corp.example" for n in range(1000)]
    assert odd(past(many), *many, WARD) == {WARD}
