"""What is written in a mail, for a person who may read it: its text with the matched words, its HTML, its files."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailguard.errors import CannotTell
from mailguard.mail import charset
from mailguard.mail.attachments import Attachment, attachments, digests, files
from mailguard.mail.message import Message
from mailguard.mail.text import body_text
from mailguard.records import Hit, Mode

LIMIT = 200_000  # characters of each kind of text that are shown
HTML_LIMIT = 4 << 20  # bytes
FILE_LIMIT = 64 << 20
_MARKS, _LONGEST = 100, 200

Pieces = tuple[tuple[str, bool], ...]  # text in order; True: a rule matched this


@dataclass(frozen=True, slots=True)
class Reading:
    """`unreadable`: the mail is too broken or too large to be shown as text."""

    new: Pieces = ()
    quoted: Pieces = ()
    signature: Pieces = ()
    html: bool = False
    files: tuple[Attachment, ...] = ()
    digests: tuple[bytes, ...] = ()  # SHA-256 of each file; b"" of what is not searched for (`mail.attachments`)
    unreadable: bool = False


def read(raw: bytes, hits: Iterable[Hit]) -> Reading:
    """Takes as long as parsing the mail: not for the event loop."""
    message, words = Message(raw), _words(hits)
    try:
        text = body_text(message)
        found = attachments(message)
        return Reading(
            new=marked(text.new[:LIMIT], words), quoted=marked(text.quoted[:LIMIT], words),
            signature=marked(text.signature[:LIMIT], words), html=bool(html(raw)), files=found,
            digests=digests(message, found),
        )  # fmt: skip
    except CannotTell:
        return Reading(unreadable=True)


def html(raw: bytes) -> str:
    """The mail's own HTML as it was sent, '' when it has none: only for a frame that runs and loads nothing."""
    message = Message(raw)
    for part in message.parts():
        if part.body and part.content_type == "text/html" and not part.nested:
            return charset.decode(message.decode(part, HTML_LIMIT), part.charset)
    return ""


def file(raw: bytes, number: int) -> tuple[str, bytes] | None:
    """Name and content of one of `Reading.files`, counted from 0."""
    message = Message(raw)
    for at, (part, attachment) in enumerate(files(message)):
        if at == number:
            return attachment.name, message.decode(part, FILE_LIMIT)
    return None


def marked(text: str, words: re.Pattern[str] | None) -> Pieces:
    if words is None:
        return ((text, False),) if text else ()
    pieces, end = [], 0
    for found in words.finditer(text):
        pieces += [(text[end : found.start()], False), (found[0], True)]
        end = found.end()
    return tuple((piece, hit) for piece, hit in [*pieces, (text[end:], False)] if piece)


def _words(hits: Iterable[Hit]) -> re.Pattern[str] | None:
    """What rules that act have matched, the longest first; a line may break anywhere in it."""
    said = {word.strip() for hit in hits if hit.mode is Mode.ENFORCE for _, word in hit.evidence}
    kept = sorted((word for word in said if 1 < len(word) <= _LONGEST), key=len, reverse=True)[:_MARKS]
    patterns = (r"\s+".join(map(re.escape, word.split())) for word in kept)
    return re.compile("|".join(patterns), re.IGNORECASE) if kept else None
