"""A message's words: what its author wrote, apart from what is quoted and from signature and disclaimer."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailguard.errors import CannotTell
from mailguard.mail import charset, homoglyphs, html
from mailguard.mail.message import Message, Part
from mailguard.mail.quotes import Split, split, split_plain

LIMIT = 8 << 20  # decoded bytes of text in one mail
_PIECE = 64 * 1024  # characters folded in one go

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\u0332-\u0338\U000e0000-\U000e01ef]"  # strokes through a letter, and tags that nothing shows
)

_META = re.compile(rb"""charset\s*=\s*["']?([A-Za-z0-9_.:\-]{1,40})""", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\W_]+")
_SPACE = re.compile(r"\s")
_ICS_FOLD = re.compile(r"\r?\n[ \t]")
_ICS_TEXT = re.compile(
    r"^(?:SUMMARY|DESCRIPTION|LOCATION|COMMENT)(?:;[^:\r\n]*)?:([^\r\n]*)", re.MULTILINE | re.IGNORECASE
)
_ICS_ESCAPE = re.compile(r"\\(?:[nN]|([,;\\]))")


@dataclass(frozen=True, slots=True)
class Text:
    """The three kinds of text of one mail; `signature` holds disclaimers too."""

    new: str = ""
    quoted: str = ""
    signature: str = ""


def body_text(message: Message) -> Text:
    """All text of the mail; of alternatives the first one, and from the others the words only they have.

    Text of attached messages counts as quoted. CannotTell as `Message.parts`, or when there is more than LIMIT.
    """
    reply = bool(message.references)
    left, texts = LIMIT, list[Split]()
    seen: dict[int, set[tuple[str, str]]] = {}
    for part in message.parts():
        if not part.body:
            continue
        data = message.decode(part, left + 1)
        left -= len(data)
        if left < 0:
            raise CannotTell("the mail has more than {number} MB of text", number=LIMIT >> 20)
        text = _split(part, data, reply)
        if part.nested:
            text = Split("", "\n".join(filter(None, text)), "")
        if part.alternative:
            known = seen.setdefault(part.alternative, set())
            text = Split(*(_unknown(each, known) for each in text)) if known else text
            known.update(pair for each in text for pair in _pairs(_words(each)))
        texts.append(text)
    if len(texts) == 1:
        return Text(*texts[0])
    return Text(*("\n".join(filter(None, each)) for each in zip(*texts, strict=True)) if texts else ())


def fold(text: str, whole: bool = True) -> str:
    """For matching words: as `legible`, casefolded, white space one blank."""
    return " ".join(filter(None, (_folded(piece, whole) for piece in pieces(text))))


def legible(text: str, whole: bool = True) -> str:
    """As a reader takes it: NFKC, soft hyphens and zero-width characters gone, `homoglyphs.unmask`ed."""
    return text if text.isascii() else "".join(_legible(piece, whole) for piece in pieces(text))


def _legible(text: str, whole: bool) -> str:
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", charset.mended(text)))
    return homoglyphs.unmask(text, whole)


def _folded(text: str, whole: bool) -> str:
    text = (text if text.isascii() else _legible(text, whole)).casefold()
    return " ".join((text if text.isascii() else unicodedata.normalize("NFKC", text)).split())


def pieces(text: str) -> Iterator[str]:
    """Cut at white space: each step keeps the interpreter to itself, and others must have their turn."""
    start = 0
    while len(text) - start > _PIECE:
        space = _SPACE.search(text, start + _PIECE, start + 2 * _PIECE)
        end = space.start() if space else start + 2 * _PIECE  # no word is so long
        yield text[start:end]
        start = end
    yield text[start:]


def _split(part: Part, data: bytes, reply: bool) -> Split:
    if part.content_type == "text/html":
        label = part.charset or _META.search(data[:1024])
        text = charset.decode(data, label if isinstance(label, str) else label[1].decode("ascii") if label else "")
        return split(html.lines(text, reply=reply))
    text = charset.decode(data, part.charset)
    if part.content_type == "text/calendar":
        lines = [charset.clean(said) for said in _calendar(text)]
    elif charset.tidy(text):
        lines = text.splitlines()
    else:
        lines = [charset.clean(line) for line in text.splitlines()]
    return split_plain([line.rstrip() for line in lines])


def _calendar(text: str) -> list[str]:
    """What a person reads of an invitation (RFC 5545 §3.8.1)."""
    unfolded = _ICS_FOLD.sub("", text)
    return [_ICS_ESCAPE.sub(lambda found: found[1] or " ", said) for said in _ICS_TEXT.findall(unfolded)]


def _words(text: str) -> list[tuple[str, str]]:
    """(as written, as compared): without punctuation, which differs between alternatives."""
    written = text.split()
    folded = fold(text).split()
    if len(folded) != len(written):  # a word was nothing but invisible, or is two when it is folded
        folded = [fold(word) for word in written]
    return [(word, plain) for word, each in zip(written, folded, strict=True) if (plain := _PUNCTUATION.sub("", each))]


def _pairs(words: list[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Neighbours, and every word by itself."""
    before = ""
    for _, word in words:
        yield before, word
        yield "", word
        before = word


def _unknown(text: str, known: set[tuple[str, str]]) -> str:
    """The stretches of `text` that have a word, or two side by side in one line, that nobody has seen yet."""
    return "\n".join(filter(None, (_unknown_line(line, known) for line in text.splitlines())))


def _unknown_line(line: str, known: set[tuple[str, str]]) -> str:
    words = _words(line)
    wanted: set[int] = set()
    for at, (_, word) in enumerate(words):
        if ("", word) not in known:
            wanted.add(at)
        elif at and (words[at - 1][1], word) not in known:
            wanted |= {at - 1, at}
    out: list[str] = []
    for at in sorted(wanted):
        out += [words[at][0], " " if at + 1 in wanted else "\n"]
    return "".join(out).strip()
