"""Mail kept in files: a folder of .eml, a Maildir, an mbox. What is no mail is named, and stops nothing."""

import mmap
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from mailguard.errors import PermanentFailure
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Recipient
from mailguard.mail.message import Message

_HEAD = 256 << 10  # bytes: enough for a header
# A separator follows a blank line and ends in a time and year; any other "From " is somebody's sentence (RFC 4155)
_SEPARATOR = re.compile(
    rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*?[0-9]:[0-9]{2}(?::[0-9]{2})? [^\n]*?[0-9]{4}[^\n]*\n"
)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_LINE_END = re.compile(rb"\r?\n")


@dataclass(frozen=True, slots=True)
class Found:
    """A mail in a file; `load` reads it whole, with the line ends of SMTP."""

    name: str
    at: datetime
    load: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Bad:
    """What could not be taken for a mail."""

    name: str
    why: str


def scan(source: Path, largest: int) -> tuple[list[Found], list[Bad]]:
    """Every mail in there, the oldest first, and what is none. `largest` in bytes."""
    found, bad = list[Found](), list[Bad]()
    for name, load, size in _pieces(source, bad):
        if size > largest:
            bad.append(Bad(name, f"larger than {largest >> 20} MB"))
            continue
        try:
            found.append(Found(name, date(Message(load()[:_HEAD])), load))
        except (ValueError, OSError) as error:
            bad.append(Bad(name, error.strerror or "unreadable" if isinstance(error, OSError) else str(error)))
    return sorted(found, key=lambda one: (one.at, one.name)), sorted(bad, key=lambda one: one.name)


_Piece = tuple[str, Callable[[], bytes], int]


def _pieces(source: Path, bad: list[Bad]) -> Iterator[_Piece]:
    for path in _files(source):
        name = path.name if path == source else str(path.relative_to(source))
        try:
            size = path.stat().st_size if path.is_file() else None
            if size is None:
                bad.append(Bad(name, "no file"))
            elif size and _starts(path).startswith(b"From "):
                yield from _mbox(path, name)
            else:
                yield name, lambda path=path: _wired(path.read_bytes()), size  # type: ignore[misc]
        except OSError as error:
            bad.append(Bad(name, error.strerror or "unreadable"))


def _files(source: Path) -> Sequence[Path]:
    if not source.is_dir():
        return [source]
    if (source / "cur").is_dir():  # a Maildir
        return sorted(path for part in ("cur", "new") for path in (source / part).glob("*"))
    return sorted(path for path in source.rglob("*") if path.suffix.lower() in (".eml", ".mbox"))


def _starts(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(5)


def _mbox(path: Path, name: str) -> Iterator[_Piece]:
    with path.open("rb") as file:
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # lives as long as a mail of it may be loaded
    starts = [(found.start(), found.end()) for found in _SEPARATOR.finditer(whole)] or [(0, whole.find(b"\n") + 1)]
    ends = [start for start, _ in starts[1:]] + [len(whole)]
    for number, ((_, begin), end) in enumerate(zip(starts, ends, strict=True), 1):

        def load(begin: int = begin, end: int = end) -> bytes:
            return _wired(_QUOTED.sub(rb"\1", whole[begin:end]))

        yield f"{name}:{number}", load, end - begin


def _wired(raw: bytes) -> bytes:
    """As it would have come over SMTP."""
    return _LINE_END.sub(b"\r\n", raw)


def date(message: Message) -> datetime:
    """When its Date says it was written. ValueError."""
    if not message.field_count:
        raise ValueError("no mail: it has no header")
    said = message.get("date")
    if said is None:
        raise ValueError("it has no Date")
    try:
        at = parsedate_to_datetime(said)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, LookupError, OverflowError):
        raise ValueError("its Date cannot be read") from None


def envelope(message: Message, sender: str | None = None, recipients: Sequence[str] = ()) -> Envelope:
    """Who sent it to whom as far as its header says, where these do not say it. ValueError."""
    boxes = message.mailboxes("from")
    to = recipients or tuple(box.address for box in message.mailboxes("to", "cc", "bcc"))
    if not to:
        raise ValueError("this message names no recipient")
    try:
        checked = tuple(Recipient(address.check(each, smtputf8=True)) for each in dict.fromkeys(to))
        author = address.check(sender, smtputf8=True) if sender else boxes[0].address if boxes else ""
    except PermanentFailure as error:
        raise ValueError(error.text) from None
    return Envelope(author, checked, smtputf8=True)
