"""Where a message's parts are (RFC 2045, 2046), as byte ranges: nothing is copied, time is linear in the size.

Whatever is malformed still yields parts; what is too deep or too many to be a real mail is CannotTell.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from mailguard.errors import CannotTell
from mailguard.mail import charset, fields

DEPTH = 50
PARTS = 1000
DELIMITERS = 10_000  # boundary-like lines looked at, over the whole message
HEAD = 2 << 20  # bytes of the message's own header
PART_HEAD = 256 * 1024
PARAMETERS = 16 * 1024  # bytes of one Content-Type or Content-Disposition that are read

_SAID = frozenset({"content-type", "content-disposition", "content-transfer-encoding", "content-id"})
MESSAGE = ("message/rfc822", "message/global")

Raw = bytes | bytearray
_LINE_END = re.compile(rb"(--)?[ \t]*+(?:\r?\n|\Z)")
_PARAMETER = re.compile(r';\s*+([^\s=;"]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^;]*+)', re.DOTALL)
_COMMENT = re.compile(r"\s*\([^()]*\)\s*$")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTINUED = re.compile(r"([^*]++)\*(?:(\d{1,4})(\*)?)?")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+\-]+/[a-z0-9!#$&^_.+\-]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the tree, or an attached message (which is followed by its own leaves, `nested` one higher).

    `start:end` is the content as sent; `alternative` numbers the multipart/alternative it belongs to, 0 = none.
    """

    content_type: str
    params: dict[str, str]
    disposition: str
    filename: str
    charset: str
    encoding: str
    start: int
    end: int
    content_id: str = ""
    depth: int = 0
    nested: int = 0
    alternative: int = 0
    containers: tuple[str, ...] = ()  # content types from the outside in
    body: bool = False  # shown as the mail's own text (or an attached mail's), not a file
    head: int = 0  # where its header starts


@dataclass(frozen=True, slots=True)
class Value:
    """A Content-Type or Content-Disposition: the first word in lower case, and its parameters decoded."""

    word: str
    params: dict[str, str]


def walk(raw: Raw, named: Mapping[str, Sequence[fields.Field]], last: int, body: int) -> list[Part]:
    """All parts in the order of the message, whose header is read already: its fields, their end, and its body's start.

    CannotTell: it is too long, or the parts too many or too deep.
    """
    return _Walker(raw).run(named, last, body)


def value(data: bytes) -> Value:
    """RFC 2045 §5.1 parameters with RFC 2231 continuations and charsets; tolerant."""
    if not data:
        return Value("", {})
    text = charset.clean(fields.unfolded(data[:PARAMETERS]))
    word, _, _ = text.partition(";")
    found: dict[str, str] = {}
    for name, given in _PARAMETER.findall(text[len(word) :]):
        found.setdefault(name.lower(), _unquoted(name.lower(), given))
    word = _COMMENT.sub("", word) if "(" in word else word
    return Value(word.strip().lower(), _joined(found))


class _Walker:
    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.parts: list[Part] = []
        self.alternatives = 0
        self.delimiters = 0

    def run(self, named: Mapping[str, Sequence[fields.Field]], last: int, body: int) -> list[Part]:
        start = fields.first(self.raw)
        _check_length(last - start, HEAD)
        said = {name: self._value(named[name][0]) for name in _SAID if name in named}
        self._content(_Head(start, body, said), len(self.raw), _Place(), "text/plain")
        return self.parts

    def _entity(self, start: int, end: int, place: "_Place", default_type: str) -> None:
        """A header and its content; DEPTH bounds the recursion."""
        if place.depth > DEPTH:
            raise CannotTell("the mail's parts are nested deeper than {number}", number=DEPTH)
        last, body = fields.head(self.raw, start, end)
        _check_length(last - start, PART_HEAD)
        said: dict[str, bytes] = {}
        for found in fields.fields(self.raw, start, last):
            if found.name in _SAID:
                said.setdefault(found.name, self._value(found))
        self._content(_Head(start, body, said), end, place, default_type)

    def _value(self, found: fields.Field) -> bytes:
        return bytes(self.raw[found.value : found.end])

    def _content(self, head: "_Head", end: int, place: "_Place", default_type: str) -> None:
        body, part = head.body, self._part(head, end, place, default_type)
        boundary = part.params.get("boundary", "").encode("utf-8", "replace")
        kind = part.content_type
        if kind.startswith("multipart/"):
            delimiters = self._delimiters(boundary, body, end) if boundary else []
            if delimiters:
                self._children(delimiters, place.inside(kind, self._number(kind, place)))
                return
            shown = self._shown("text/plain", part.disposition, part.filename)
            part = replace(part, content_type="text/plain", body=shown)  # as a reader shows it
        self._add(part)
        if kind in MESSAGE and part.encoding in ("7bit", "8bit", "binary"):
            self._entity(body, end, place.inside(kind, 0), "text/plain")

    def _children(self, ranges: list[tuple[int, int]], place: "_Place") -> None:
        default_type = "message/rfc822" if place.containers[-1] == "multipart/digest" else "text/plain"
        for start, end in ranges:
            self._entity(start, end, place, default_type)

    def _number(self, kind: str, place: "_Place") -> int:
        if kind != "multipart/alternative":
            return place.alternative
        self.alternatives += 1
        return self.alternatives

    def _add(self, part: Part) -> None:
        if len(self.parts) >= PARTS:
            raise CannotTell("the mail has more than {number} parts", number=PARTS)
        self.parts.append(part)

    def _shown(self, kind: str, disposition: str, filename: str) -> bool:
        """Whether the next part is the mail's own text, or an attached mail's."""
        first = not self.parts or self.parts[-1].content_type in MESSAGE  # named or not, it is the text
        return kind.startswith("text/") and disposition != "attachment" and (first or not filename)

    def _delimiters(self, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
        """The ranges between the boundary's lines; the last one ends at `end` where nobody closed it."""
        mark, ranges, opened = b"--" + boundary, [], -1
        at = start if self.raw.startswith(mark, start, end) else self._find(mark, start, end)
        while at >= 0:
            self.delimiters += 1
            if self.delimiters > DELIMITERS:
                raise CannotTell("the mail has more than {number} boundary lines", number=DELIMITERS)
            line = _LINE_END.match(self.raw, at + len(mark), end)
            if line:
                if opened >= 0:
                    ranges.append((opened, self._before(at, opened)))
                opened = line.end()
                if line[1]:
                    return ranges
            at = self._find(mark, at + len(mark), end)
        return [*ranges, (opened, end)] if opened >= 0 else ranges

    def _find(self, mark: bytes, start: int, end: int) -> int:
        found = self.raw.find(b"\n" + mark, max(start - 1, 0), end)
        return found + 1 if found >= 0 else -1

    def _before(self, at: int, opened: int) -> int:
        """The line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1)."""
        at -= 1
        return max(opened, at - 1 if at > opened and self.raw[at - 1] == ord("\r") else at)

    def _part(self, head: "_Head", end: int, place: "_Place", default_type: str) -> Part:
        said = head.said
        kind = value(said.get("content-type", b""))
        where = value(said.get("content-disposition", b""))
        name = where.params.get("filename") or kind.params.get("name", "")
        name = charset.clean(fields.words(name)).replace("\\", "/").rpartition("/")[2].strip() if name else ""
        content_type = kind.word if _TYPE.fullmatch(kind.word) else default_type
        return Part(
            content_type=content_type,
            params=kind.params,
            disposition=where.word,
            filename=name,
            charset=kind.params.get("charset", ""),
            encoding=_word(said.get("content-transfer-encoding", b"")) or "7bit",
            start=head.body,
            end=end,
            content_id=fields.unfolded(said.get("content-id", b"")[:1000]).strip("<> "),
            depth=place.depth,
            nested=sum([kind.startswith("message/") for kind in place.containers]),
            alternative=place.alternative,
            containers=place.containers,
            body=self._shown(content_type, where.word, name),
            head=head.start,
        )


class _Head(NamedTuple):
    """An entity's header: where it and what is below it start, and the values it gives of _SAID."""

    start: int
    body: int
    said: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the tree an entity is."""

    containers: tuple[str, ...] = ()
    alternative: int = 0

    @property
    def depth(self) -> int:
        return len(self.containers)

    def inside(self, kind: str, alternative: int) -> "_Place":
        return _Place((*self.containers, kind), alternative)


def _check_length(octets: int, most: int) -> None:
    if octets > most:
        raise CannotTell("a header of the mail is too long to be read")


def _word(data: bytes) -> str:
    words = fields.unfolded(data[:200]).lower().split() if data else []
    return words[0].strip('";') if words else ""


def _unquoted(name: str, given: str) -> str:
    given = given.strip()
    if given.startswith('"'):
        return _ESCAPED.sub(r"\1", given[1:-1]) if given.endswith('"') and len(given) > 1 else given[1:]
    # a file name may hold brackets and blanks that somebody forgot to quote
    return given if name.startswith(("name", "filename")) else _COMMENT.sub("", given)


def _joined(found: dict[str, str]) -> dict[str, str]:
    """RFC 2231: `name*0*=utf-8''a%20; name*1="b"` → name. The extended form wins over the plain one."""
    if "*" not in "".join(found):
        return found
    plain = {name: text for name, text in found.items() if "*" not in name}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, text in found.items():
        if form := _CONTINUED.fullmatch(name):
            number, coded = int(form[2] or 0), form[2] is None or form[3] is not None
            pieces.setdefault(form[1], {})[number] = (text, coded)
    return plain | {name: _extended(each) for name, each in pieces.items()}


def _extended(pieces: dict[int, tuple[str, bool]]) -> str:
    label, data = "", b""
    for count, number in enumerate(sorted(pieces)):
        text, coded = pieces[number]
        if coded and not count and text.count("'") >= 2:  # noqa: PLR2004 - charset'language'text
            label, _, text = text.split("'", 2)
        raw = text.encode("utf-8", "replace")
        data += _PERCENT.sub(lambda found: bytes([int(found[1], 16)]), raw) if coded else raw
    return charset.decode(data, label)
