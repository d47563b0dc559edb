"""Where in a mail words and patterns are looked for."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import accumulate

from mailguard.locale.sayings import saying, some
from mailguard.mail import text as reader
from mailguard.mail.attachments import SMIME
from mailguard.records import Piece, Where
from mailguard.rules import attached
from mailguard.rules.facts import Facts
from mailguard.rules.finder import Finder, Found, Vocabulary, normal


class Place(StrEnum):
    """A part of a mail. `body` is what its sender wrote now; quotes, signature and disclaimer are not in it.

    `attachments` are the names of attached files, and everything in them; `file_names` only the names.
    """

    SUBJECT = "subject"
    BODY = "body"
    QUOTED = "quoted"
    ATTACHMENTS = "attachments"
    FILE_NAMES = "file_names"


SAID = {
    Place.SUBJECT: saying("the subject"),
    Place.BODY: saying("the text"),
    Place.QUOTED: saying("the quoted text"),
    Place.ATTACHMENTS: saying("an attached file"),
    Place.FILE_NAMES: saying("a file name"),
}
_IN_A_FILE = {
    Where.BODY: saying("the text"),
    Where.HEADER: saying("a header or footer"),
    Where.NOTES: saying("the notes"),
    Where.COMMENT: saying("a comment"),
    Where.HIDDEN: saying("hidden or deleted text"),
    Where.QUOTED: saying("the quoted text"),
    Where.METADATA: saying("the properties"),
}
NAMELESS = saying("an attachment")
_OF_FILES = frozenset({Place.ATTACHMENTS, Place.FILE_NAMES})
# Files are read last of all: it takes another process
_COST = {Place.SUBJECT: 3, Place.FILE_NAMES: 3, Place.BODY: 5, Place.QUOTED: 5, Place.ATTACHMENTS: 8}


def named(places: Iterable[Place]) -> str:
    """`the subject or the text`."""
    return some(SAID[place] for place in places)


def cost(places: Iterable[Place]) -> int:
    """As `Condition.cost`."""
    return max((_COST[place] for place in places), default=1)


def text(facts: Facts, place: Place) -> str:
    """What stands there, as written. Of files, each name in a line, and each stretch of text behind a line end."""
    if place is Place.SUBJECT:
        return facts.subject
    if place is Place.BODY:
        return "\n".join((facts.text.new, *_signed(facts, Where.BODY)))
    if place is Place.QUOTED:
        return "\n".join((facts.text.quoted, *_signed(facts, Where.QUOTED)))
    return facts.once(("text", place), lambda: "\n".join(text for _, text in _stretches(facts, place)))


def legible(facts: Facts, place: Place) -> str:
    """The same as a person reads it: nothing invisible in it, and no letters that pretend to be others."""
    return facts.once(("legible", place), lambda: _formed(facts, place, reader.legible))


def pieces(facts: Facts, place: Place) -> Iterator[tuple[str, str]]:
    """The legible text cut at white space: a search over all of it at once would let nobody else have a turn.

    With each what its place is called, as `said`.
    """
    if place in _OF_FILES:
        for name, each in _stretches(facts, place):
            yield from ((name, piece) for piece in reader.pieces(reader.legible(each)))
    else:
        yield from ((SAID[place], piece) for piece in reader.pieces(legible(facts, place)))


def folded(facts: Facts, place: Place) -> str:
    """The same, ready to look for words in; made once a mail."""
    return facts.once(("folded", place), lambda: _formed(facts, place, normal))


def check(facts: Facts, places: Iterable[Place]) -> None:
    """For a condition that found too little: CannotTell when there was a file that could not be read."""
    if Place.ATTACHMENTS in places:
        attached.check(facts)


def said(facts: Facts, place: Place, at: int, form: Callable[[Facts, Place], str]) -> str:
    """What the place of a hit is called: of files, which one and where in it.

    `at` is where it begins in what `form` gives: `text`, `legible` or `folded`.
    """
    if place not in _OF_FILES:
        return SAID[place]
    names, ends = facts.once(("ends", place, form), lambda: _ends(facts, place, _FORMS[form]))
    return names[min(bisect_right(ends, at), len(names) - 1)] if names else SAID[place]


def _signed(facts: Facts, where: Where) -> Iterator[str]:
    """What a mail says that is nothing but its signature, with the mail inside (S/MIME signed-data)."""
    only = facts.attachments[:1]
    if not only or only[0].content_type not in SMIME or not facts.signed:
        return
    for content in facts.contents or ():
        yield from (
            (piece.text for piece in content.pieces if piece.where is where and not piece.path) if content else ()
        )


def seen(facts: Facts, some: tuple[Place, ...], vocabulary: Vocabulary) -> frozenset[Finder]:
    """Those that have a word in one of these places: most of a large rule set has none. Kept as (vocabulary, some)."""
    return facts.once((vocabulary, some), lambda: frozenset().union(*(found(facts, each, vocabulary) for each in some)))


def found(facts: Facts, place: Place, vocabulary: Vocabulary) -> Found:
    """Every word there that any rule looks for; searched once a mail."""
    return facts.once((vocabulary, place), lambda: vocabulary.find(folded(facts, place)))


def _formed(facts: Facts, place: Place, form: Callable[[str], str]) -> str:
    if place not in _OF_FILES:
        return form(text(facts, place))
    return "\n".join(form(each) for _, each in _stretches(facts, place))  # no phrase goes on in the next file


def _ends(facts: Facts, place: Place, form: Callable[[str], str]) -> tuple[list[str], list[int]]:
    """What each stretch is called, and where it ends in the whole."""
    stretches = list(_stretches(facts, place))
    return [name for name, _ in stretches], list(accumulate(len(form(each)) + 1 for _, each in stretches))


def _stretches(facts: Facts, place: Place) -> Iterator[tuple[str, str]]:
    for file in facts.attachments:
        if not file.inline:
            yield SAID[Place.FILE_NAMES], file.name
    if place is Place.FILE_NAMES:
        return
    for file, content in zip(facts.attachments, facts.contents or (), strict=False):
        if content is not None:
            for found in content.files[1:]:
                yield saying("the name of a file in {file}", file=file.name or NAMELESS), found.path
            for piece in content.pieces:
                yield _where(file.name, piece), piece.text


def _where(name: str, piece: Piece) -> str:
    path = "/".join(filter(None, (name, piece.path))) or NAMELESS
    return saying("{part} of {file}", part=_IN_A_FILE[piece.where], file=path)


_FORMS: dict[Callable[[Facts, Place], str], Callable[[str], str]] = {
    text: str, legible: reader.legible, folded: normal,
}  # fmt: skip
