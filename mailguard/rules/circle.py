"""The circle of a conversation: everyone who was on it so far, as far as its mails passed through here."""

import re

from mailguard.locale import N_
from mailguard.locale.sayings import counted, saying
from mailguard.mail import address
from mailguard.records import Match, Thread
from mailguard.rules import lexicon, who
from mailguard.rules.condition import not_known
from mailguard.rules.facts import Facts

UNSEEN = not_known(saying("mailguard has seen no earlier mail of this conversation"))


def gained(facts: Facts, thread: Thread, keys: tuple[str, ...], *, sides: bool) -> Match | None:
    """A mail to people of the circle that brings in somebody; with `sides`, from a domain nobody of it has.

    When nobody of the circle gets it, it is no reply but something passed on: `outside` is about that.
    """
    new = newcomers(facts, thread, keys)
    circle = _circle(facts, thread)
    if not new or not any(_on(facts, key, circle) and not _own(facts, key) for key in facts.recipients):
        return None
    if sides:
        there = set(map(side, circle))
        new = tuple(key for key in new if side(key) not in there)
        domains = who.listed(dict.fromkeys(map(side, new)))
        said = saying("nobody of {domains} was on this conversation before", domains=domains)
        return Match(said, frozenset(new)) if new else None
    said = counted(
        "{list} was not on this conversation before", "{list} were not on this conversation before", len(new),
        list=who.listed(new),
    )  # fmt: skip
    return Match(said, frozenset(new))


def outside(facts: Facts, thread: Thread, keys: tuple[str, ...]) -> Match | None:
    """Somebody gets it who was not on the conversation; the reason names who was."""
    new = newcomers(facts, thread, keys)
    if not new:
        return None
    circle = who.listed(sorted(thread.named))
    said = counted(
        "{list} was not on this conversation, which was between {circle}",
        "{list} were not on this conversation, which was between {circle}", len(new), list=who.listed(new),
        circle=circle,
    )  # fmt: skip
    return Match(said, frozenset(new))


def returning(thread: Thread, keys: tuple[str, ...]) -> Match | None:
    """Somebody whom a person took off a mail of this conversation, and who got none since."""
    back = tuple(key for key in keys if key in thread.taken_off)
    if not back:
        return None
    said = counted(
        "{list} was taken off this conversation and is back",
        "{list} were taken off this conversation and are back", len(back), list=who.listed(back),
    )  # fmt: skip
    return Match(said, frozenset(back))


def unanswered(thread: Thread, keys: tuple[str, ...], at_least: int) -> Match | None:
    """The sender goes on writing to somebody, and no answer was seen."""
    found = {key: thread.unanswered[key] for key in keys if thread.unanswered.get(key, 0) >= at_least}
    if not found:
        return None
    most = max(found.values())
    said = saying("the follow-up to {list}, and no answer was seen", list=who.listed(found))
    if most > 1:
        form = N_("the {ordinal} follow-up to {list}, and no answer was seen")
        said = saying(form, ordinal=_ordinal(most), list=who.listed(found))
    return Match(said, frozenset(found))


def newcomers(facts: Facts, thread: Thread, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Those not in the circle. Whom the quoted text names were on mails that did not pass through here."""
    circle = _circle(facts, thread)
    new = tuple(key for key in keys if not _on(facts, key, circle) and not _own(facts, key))
    return tuple(key for key in new if not _quoted(facts, key))


def side(key: str) -> str:
    """Whom somebody stands for: their domain; at a free-mail provider nobody but themselves."""
    domain = address.domain(key)
    return key if domain in lexicon.freemail() else domain


def _circle(facts: Facts, thread: Thread) -> frozenset[str]:
    return facts.once("circle", lambda: frozenset(one for key in thread.members for one in who.members(facts, key)))


def _on(facts: Facts, key: str, circle: frozenset[str]) -> bool:
    """They, or everyone on their list."""
    return key in circle or {facts.people.canonical(one) for one in facts.people.expand(key)} <= circle


def _quoted(facts: Facts, key: str) -> bool:
    return re.search(rf"(?<![\w.+-]){re.escape(key)}(?![\w-]|\.\w)", facts.text.quoted, re.IGNORECASE) is not None


def _own(facts: Facts, key: str) -> bool:
    return facts.people.canonical(key) == facts.people.canonical(facts.sender)


_ENDINGS = {1: N_("{number}st"), 2: N_("{number}nd"), 3: N_("{number}rd")}


def _ordinal(number: int) -> str:
    th = N_("{number}th")
    return saying(th if number % 100 in (11, 12, 13) else _ENDINGS.get(number % 10, th), number=number)
