"""Where in a mail words and patterns are looked for."""

from collections.abc import Iterable
from enum import StrEnum

from mailguard.rules.facts import Facts
from mailguard.rules.finder import normal


class Place(StrEnum):
    """A part of a mail. `body` is what its sender wrote now; quotes, signature and disclaimer are not in it."""

    SUBJECT = "subject"
    BODY = "body"
    QUOTED = "quoted"
    ATTACHMENTS = "attachments"


SAID = {
    Place.SUBJECT: "the subject",
    Place.BODY: "the text",
    Place.QUOTED: "the quoted text",
    Place.ATTACHMENTS: "a file name",
}

_COST = {Place.SUBJECT: 3, Place.ATTACHMENTS: 3, Place.BODY: 5, Place.QUOTED: 5}


def cost(places: Iterable[Place]) -> int:
    """As `Condition.cost`."""
    return max((_COST[place] for place in places), default=1)


def text(facts: Facts, place: Place) -> str:
    """What stands there, as written. Of files, the names of those really attached, one a line."""
    if place is Place.SUBJECT:
        return facts.subject
    if place is Place.BODY:
        return facts.text.new
    if place is Place.QUOTED:
        return facts.text.quoted
    return "\n".join(file.name for file in facts.attachments if not file.inline)


def folded(facts: Facts, place: Place) -> str:
    """The same, ready to look for words in; made once a mail."""
    return facts.once(("folded", place), lambda: _folded(facts, place))


def _folded(facts: Facts, place: Place) -> str:
    if place is Place.ATTACHMENTS:  # a phrase does not go on in the next file's name
        return "\n".join(normal(line) for line in text(facts, place).split("\n"))
    return normal(text(facts, place))
