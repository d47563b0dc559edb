"""Bytes of a body replaced on their way out: where to, and while the body streams by."""

import base64
import binascii
import re
from collections import deque
from collections.abc import Iterator, Sequence
from operator import attrgetter

from mailguard.mail import transfer
from mailguard.mail.headers import Edit, Splice
from mailguard.mail.mime import Part

LIMIT = 1 << 20  # bytes of a part that is spliced: an edit is kept with the mail and read with it
_TOKEN = re.compile(rb"=[0-9A-Fa-f]{2}|=[ \t]*\r?\n|\r\n|.", re.DOTALL)
_LINE_END = re.compile(rb"\r?\n")
_DASHES = re.compile(rb"^--", re.MULTILINE)

Raw = bytes | bytearray
Insertion = tuple[int, bytes]
"""An offset in the part's decoded content, and what is put there."""


class Splicer:
    """Makes the splices of a message in its bytes from `at` on, which come piece by piece."""

    def __init__(self, edits: Sequence[Edit], at: int) -> None:
        found = (edit for edit in edits if isinstance(edit, Splice))
        self._left = deque(sorted(found, key=attrgetter("start")))  # of one place, in their order
        self._at = self._next = at  # where the next piece begins, and the next byte that is kept

    def feed(self, piece: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """The piece as it leaves."""
        here, self._at = self._at, self._at + len(piece)
        cursor = max(self._next, here)
        while self._left and self._left[0].start < self._at:
            one = self._left.popleft()
            yield piece[cursor - here : one.start - here]
            yield one.data
            cursor = max(one.end, here)
        if cursor < self._at:
            yield piece[cursor - here :]
        self._next = max(cursor, self._at)

    def end(self) -> bytes:
        """What comes behind the last byte."""
        return b"".join(one.data for one in self._left)


def growth(edits: Sequence[Edit]) -> int:
    """How many bytes longer the body leaves."""
    return sum(len(edit.octets) - (edit.end - edit.start) for edit in edits if isinstance(edit, Splice))


def insert(raw: Raw, part: Part, wanted: Sequence[Insertion]) -> list[Splice] | None:
    """The splices that put these (by offset) into a part; None where its encoding is too odd to be sure of that."""
    if part.encoding in ("7bit", "8bit", "binary"):
        return [_splice(part.start + at, part.start + at, data) for at, data in wanted]
    made = _into_base64(raw, part, wanted) if part.encoding == "base64" else _into_printable(raw, part, wanted)
    before = transfer.decode(raw, part.start, part.end, part.encoding, 2 * LIMIT)
    for at, data in reversed(wanted):
        before = before[:at] + data + before[at:]
    splicer = Splicer(made, part.start)
    after = b"".join([*splicer.feed(bytes(raw[part.start : part.end])), splicer.end()])
    return made if transfer.decode(after, 0, len(after), part.encoding, 2 * LIMIT + len(before)) == before else None


def rewrite(part: Part, content: bytes) -> tuple[Splice, str]:
    """The splice that makes this the part's whole content, and its transfer encoding: what stands there is ASCII."""
    encoding = "base64" if part.encoding == "base64" else "quoted-printable"
    return _splice(part.start, part.end, _base64(content) if encoding == "base64" else printable(content)), encoding


def printable(data: bytes) -> bytes:
    """Quoted-printable, with no line that looks like the border of a part."""
    coded = _LINE_END.sub(b"\r\n", binascii.b2a_qp(data))
    return _DASHES.sub(b"=2D-", coded)


def _base64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _splice(start: int, end: int, data: bytes) -> Splice:
    return Splice(start, end, data.decode("latin-1"))


def _into_base64(raw: Raw, part: Part, wanted: Sequence[Insertion]) -> list[Splice]:
    """From the last whole line before the first insertion on, encoded anew."""
    start, done, digits, at = part.start, 0, 0, part.start
    while at < part.end:
        line = bytes(raw[at : _end_of_line(raw, at, part.end)])
        digits += len(line.strip()) if b"=" not in line else 1  # padding before the end: no whole group from here on
        at += len(line)
        if digits % 4 == 0 and digits // 4 * 3 <= wanted[0][0]:
            start, done = at, digits // 4 * 3
    rest = transfer.decode(raw, start, part.end, "base64", 2 * LIMIT)
    for place, data in reversed(wanted):
        rest = rest[: place - done] + data + rest[place - done :]
    gap = b"" if start == part.start or raw[start - 1 : start] == b"\n" else b"\r\n"
    return [_splice(start, part.end, gap + _base64(rest))]


def _into_printable(raw: Raw, part: Part, wanted: Sequence[Insertion]) -> list[Splice]:
    """Lines of their own, joined to their neighbours by soft line ends where they stand in a line."""
    made = []
    for offset, data in wanted:
        at, coded = _place(raw, part, offset), printable(data)
        whole_line = at == part.start or raw[at - 1 : at] == b"\n"
        ends = coded.endswith(b"\n") or at == part.end
        made.append(_splice(at, at, (b"" if whole_line else b"=\r\n") + coded + (b"" if ends else b"=\r\n")))
    return made


def _place(raw: Raw, part: Part, offset: int) -> int:
    """Where in quoted-printable a decoded offset is."""
    at = part.start
    while at < part.end and offset:
        end = _end_of_line(raw, at, part.end)
        size = len(binascii.a2b_qp(raw[at:end]))
        if size > offset:
            return at + _within(bytes(raw[at:end]), offset)
        offset -= size
        at = end
    return at


def _within(line: bytes, offset: int) -> int:
    for token in _TOKEN.finditer(line):
        if not offset:
            return token.start()
        text = token[0]
        offset -= 0 if text[:1] == b"=" and text.endswith(b"\n") else 2 if text == b"\r\n" else 1
    return len(line)


def _end_of_line(raw: Raw, at: int, end: int) -> int:
    found = raw.find(b"\n", at, end)
    return found + 1 if found >= 0 else end
