"""Where the header's fields are (RFC 5322 §2.2), as byte ranges, and what one of them says."""

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from mailguard.mail import charset

DECODED = 64 * 1024  # longer values are cut before they are decoded; address lists are not

_FROM_LINE = rb">?From (?![ \t]*+:)[^\n]*+\n"  # what mbox files leave behind; `From :` is a field to many readers
_FIELD = rb"[!-9;-~]++[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z)"
_HEAD = re.compile(b"(?:" + _FROM_LINE + b")?(?:" + _FIELD + b")*+")
_START = re.compile(b"(?:" + _FROM_LINE + b")?")
_ONE = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
_BLANK = re.compile(rb"\r?\n")
_EMPTY = re.compile(rb"\n\r?\n")
_LIKE = re.compile(rb"^([!-9;-~\x80-\xff]++)[ \t]*+:", re.MULTILINE)
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]*+)?\?([bBqQ])\?([^?]*+)\?=")


class Field(NamedTuple):
    """One field: `start:end` with its line end, `value:end` what is behind the colon."""

    name: str  # lower-case
    start: int
    value: int
    end: int


def head(raw: bytes | bytearray, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """(end of the fields, start of the body).

    The header ends at the blank line, at the end, or where a line is no field: there every MTA starts the body.
    """
    stop = len(raw) if end is None else end
    fields = _HEAD.match(raw, start, stop)
    last = fields.end() if fields else start
    blank = _BLANK.match(raw, last, stop)
    return last, blank.end() if blank else last


def torn(raw: bytes | bytearray, end: int) -> frozenset[str]:
    """The names of what looks like fields behind the line that ended the header at `end`, before any blank line."""
    if end == len(raw) or _BLANK.match(raw, end):
        return frozenset()
    found = _LIKE.finditer(raw, end, _behind(raw, end))
    return frozenset(each[1].decode("latin-1").lower() for each in found)


def _behind(raw: bytes | bytearray, end: int) -> int:
    """The end of the lines at `end` that no blank line has ended yet; at most 64 KiB of them."""
    stop = min(len(raw), end + DECODED)
    found = _EMPTY.search(raw, end, stop)
    return found.start() if found else stop


def first(raw: bytes | bytearray) -> int:
    """Where the first field starts: behind an mbox `From ` line."""
    found = _START.match(raw)
    return found.end() if found else 0


def count(raw: bytes | bytearray, end: int) -> int:
    """How many there are before `end`, which `head` gave: its lines, less those that go on."""
    return raw.count(b"\n", 0, end) - raw.count(b"\n ", 0, end) - raw.count(b"\n\t", 0, end)


def fields(raw: bytes | bytearray, start: int, end: int) -> Iterator[Field]:
    """The fields between two offsets of `head`, in order."""
    for found in _ONE.finditer(raw, start, end):
        yield Field(found[1].decode("ascii").lower(), found.start(), found.start(2), found.end())


def text(value: bytes) -> str:
    """An unfolded, RFC 2047-decoded value on one line, without control characters."""
    return charset.clean(words(unfolded(value[:DECODED])))


def unfolded(value: bytes) -> str:
    """A value's text (UTF-8 if it can be), unfolded but not decoded."""
    text = charset.decode(value)
    return (_FOLD.sub("", text) if "\n" in text else text).strip()


def words(value: str) -> str:
    """RFC 2047 words decoded; what is malformed stays as it is written. May hold control characters."""
    if "=?" not in value:
        return value
    out: list[str] = []
    waiting: list[bytes] = []  # bytes of neighbouring words: some mailers split a character in two
    label, last = "", 0
    for found in _WORD.finditer(value):
        data = _word(found[2], found[3])
        if data is None:
            continue
        gap = value[last : found.start()]
        if waiting and (gap.strip() or found[1].lower() != label):
            out.append(charset.decode(b"".join(waiting), label))
            waiting.clear()
        if gap.strip() or not last:
            out.append(gap)
        waiting.append(data)
        label, last = found[1].lower(), found.end()
    return "".join([*out, charset.decode(b"".join(waiting), label), value[last:]])


def _word(encoding: str, coded: str) -> bytes | None:
    data = coded.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(data.replace(b" ", b"_"), header=True)
    try:
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return None
