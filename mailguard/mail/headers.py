"""Byte-range surgery on a message's header: what is not edited stays as it is, byte for byte."""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from email.header import Header
from itertools import groupby

from mailguard.mail import charset, fields
from mailguard.mail.address import key
from mailguard.mail.mailboxes import Place, places, unclosed

_NAME = re.compile(r"[!-9;-~]{1,100}")
_BREAKS = re.compile(r"\r\n(?![ \t]+\S)|(?<!\r)\n|\r(?!\n)|\0")  # a line end that is no fold would start a new field
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SIGNED = re.compile(r"(?:^|;)\s*h\s*=([^;]*)", re.IGNORECASE)
_LINE_END = re.compile(rb"\r?\n\Z")
_LONGEST_LINE = 998  # RFC 5322 §2.1.1


@dataclass(frozen=True, slots=True)
class Prepend:
    """A new field above all others (Received, Date, Message-ID); `value` is already folded."""

    name: str
    value: str

    def __post_init__(self) -> None:
        _check_folded(self.name, self.value)


@dataclass(frozen=True, slots=True)
class Remove:
    """Every field of this name goes (Bcc)."""

    name: str

    def __post_init__(self) -> None:
        _check_name(self.name)


@dataclass(frozen=True, slots=True)
class RemoveLike:
    """Every field whose name begins like this goes: one edit, however many names a mail thinks of."""

    prefix: str

    def __post_init__(self) -> None:
        _check_name(self.prefix)


@dataclass(frozen=True, slots=True)
class AddCc:
    """One more address in Cc; the field is made when there is none."""

    address: str

    def __post_init__(self) -> None:
        _check_address(self.address)


@dataclass(frozen=True, slots=True)
class Drop:
    """One address leaves To and Cc."""

    address: str

    def __post_init__(self) -> None:
        _check_address(self.address)


@dataclass(frozen=True, slots=True)
class Hide:
    """One address leaves To and Cc and gets its copy all the same: it becomes Bcc."""

    address: str

    def __post_init__(self) -> None:
        _check_address(self.address)


@dataclass(frozen=True, slots=True)
class Swap:
    """Where one address stands in To and Cc, another one does."""

    address: str
    right: str

    def __post_init__(self) -> None:
        _check_address(self.address)
        _check_address(self.right)


@dataclass(frozen=True, slots=True)
class Add:
    """A field that a rule asks for; `value` is plain text, encoded and folded when it is written."""

    name: str
    value: str

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_text(self.value)


@dataclass(frozen=True, slots=True)
class Replace:
    """The first field of this name gets another value, or is made; `value` is already folded."""

    name: str
    value: str

    def __post_init__(self) -> None:
        _check_folded(self.name, self.value)


@dataclass(frozen=True, slots=True)
class Splice:
    """Bytes of the body replaced: `start` and `end` are offsets in the message as received; see `splice`."""

    start: int
    end: int
    octets: str  # what stands there instead, one character a byte

    @property
    def data(self) -> bytes:
        return self.octets.encode("latin-1")


@dataclass(frozen=True, slots=True)
class Prefix:
    """The subject begins with this, unless it says so already (an answer to a mail that got it before)."""

    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Nothing is edited: what a rule asked for would break the mail's signature, or `why`. Kept, to be told."""

    what: str  # the action: cc, drop, subject, add_header, disclaimer
    value: str
    why: str = ""  # another reason than the signature


Edit = Prepend | Remove | RemoveLike | AddCc | Drop | Hide | Swap | Add | Replace | Prefix | Splice | Withheld


def split(raw: bytes | bytearray) -> int:
    """The offset of the body; the head before it ends with the blank line, if there is one."""
    return fields.head(raw)[1]


def apply(head: bytes, edits: Sequence[Edit]) -> bytes:
    """The head with the edits made in order, so that the last Prepend is on top.

    A head that gains a field and had no blank line gets one: else the body's first line could become a header.
    """
    for leaving, several in groupby(edits, key=lambda edit: isinstance(edit, Drop | Hide)):
        if leaving:  # together: a thousand of them are one look at the header
            head = _drop(head, {key(edit.address) for edit in several if isinstance(edit, Drop | Hide)})
        else:
            for edit in several:
                head = _edited(head, edit)
    return head


def without_splices(edits: Sequence[Edit]) -> list[Edit]:
    """For a mail that goes back with its body as it came: without what the header says of another body."""
    return [edit for edit in edits if not isinstance(edit, Splice | Replace)]


def without(head: bytes, gone: Sequence[fields.Field]) -> bytes:
    """The head without these fields of it, which come in its order."""
    starts, ends = [found.start for found in gone], [found.end for found in gone]
    return b"".join(head[start:end] for start, end in zip([0, *ends], [*starts, len(head)], strict=True))


def _edited(head: bytes, edit: Edit) -> bytes:
    match edit:
        case Prepend(name, value):
            return _on_top(head, _line(name, value))
        case Add(name, value):
            return _on_top(head, _line(name, encoded(name, value)))
        case Remove(name):
            return without(head, [found for found in _fields(head) if found.name == name.lower()])
        case RemoveLike(prefix):
            return without(head, [found for found in _fields(head) if found.name.startswith(prefix.lower())])
        case AddCc(address):
            return _add_cc(head, address)
        case Swap(address, right):
            return _swapped(head, key(address), right)
        case Prefix(text):
            return _prefixed(head, text)
        case Replace(name, value):
            return _replaced(head, name, value)
        case _:
            return head


def _on_top(head: bytes, line: bytes) -> bytes:
    at = fields.first(head)
    return _closed(head[:at] + line + head[at:])


def encoded(name: str, value: str) -> str:
    """Text as it may stand in a header: RFC 2047 where it needs that, folded."""
    charset_ = "us-ascii" if value.isascii() and "=?" not in value else "utf-8"
    return Header(value, charset_, maxlinelen=76, header_name=name).encode(linesep="\r\n")


def signed(head: bytes, field: str) -> bool:
    """Whether a DKIM-Signature's h= names this field (RFC 6376 §3.5), also one that is not there yet."""
    for found in _fields(head):
        if found.name == "dkim-signature" and (named := _SIGNED.search(_text(head, found))):
            covered = {name.strip().lower() for name in named[1].split(":")}
            if field.lower() in covered:
                return True
    return False


def _add_cc(head: bytes, address: str) -> bytes:
    cc = [found for found in _fields(head) if found.name == "cc"]
    if not cc:
        return _after(head, fields.head(head)[0], _line("Cc", address))
    last = cc[-1]
    value = head[last.value : last.end]
    written = value.rstrip(b" \t\r\n")
    if unclosed(value.decode("latin-1")):  # what follows an open quote or comment is not read as an address
        return _after(head, last.end, _line("Cc", address))
    gap = b" " if not written else b"\r\n " if written.endswith(b",") else b",\r\n "
    at = last.value + len(written)
    return head[:at] + gap + address.encode() + head[at:]


def _drop(head: bytes, unwanted: Set[str]) -> bytes:
    for found in reversed([each for each in _fields(head) if each.name in ("to", "cc")]):
        value = head[found.value : found.end]
        text = charset.decode(value)  # the whole field, as who reads it: one part of it may look like another charset
        gone = _runs(text, _alone(places(text), unwanted))
        runs = [(_offset(value, text, start), _offset(value, text, end)) for start, end in gone]
        for start, end in reversed(runs):
            value = value[:start] + value[end:]
        if runs and not value.strip(b" \t\r\n,;"):
            head = without(head, [found])
        elif runs:
            head = head[: found.value] + value + head[found.end :]
    return head


def _swapped(head: bytes, wrong: str, right: str) -> bytes:
    for found in reversed([each for each in _fields(head) if each.name in ("to", "cc")]):
        value = head[found.value : found.end]
        text = charset.decode(value)
        for place in reversed(_alone(places(text), {wrong})):
            start, end = place.start + _blanks(text[place.start : place.end]), place.end
            end = start + len(text[start:end].rstrip())
            value = value[: _offset(value, text, start)] + right.encode() + value[_offset(value, text, end) :]
        head = head[: found.value] + value + head[found.end :]
    return head


def _prefixed(head: bytes, text: str) -> bytes:
    subjects = [found for found in _fields(head) if found.name == "subject"]
    if not subjects:
        return _after(head, fields.head(head)[0], _line("Subject", encoded("Subject", text)))
    found = subjects[0]
    value = head[found.value : found.end]
    if text in fields.text(value):
        return head
    # between two encoded words blanks are not shown: then the one behind the prefix is in its word
    joined = not text.isascii() and value.lstrip().startswith(b"=?")
    written = b" " + encoded("Subject", f"{text} " if joined else text).encode()
    line = head[found.start : found.value] + written + value.partition(b"\n")[0]
    gap = b"\r\n" if len(line) > _LONGEST_LINE else b""
    gap += b"" if value[:1] in (b" ", b"\t", b"\r", b"\n") else b" "
    return head[: found.value] + written + gap + head[found.value :]


def _replaced(head: bytes, name: str, value: str) -> bytes:
    found = next((each for each in _fields(head) if each.name == name.lower()), None)
    if found is None:
        return _after(head, fields.head(head)[0], _line(name, value))
    return head[: found.start] + _line(name, value) + head[found.end :]


def _offset(value: bytes, text: str, at: int) -> int:
    """The byte where a character is: charsets that are not UTF-8 are read one byte a character."""
    return at if len(text) == len(value) else len(text[:at].encode())


def _alone(found: list[Place], unwanted: Set[str]) -> list[Place]:
    """The places of these addresses (keys); where a comma was forgotten and others stand in it too, it stays."""
    others = {place.start for place in found if _key(place.address) not in unwanted}
    return [place for place in found if place.start not in others]


def _runs(text: str, gone: list[Place]) -> list[tuple[int, int]]:
    """What to cut for neighbours that go together: their commas too; folds, groups and the line end stay."""
    runs: list[tuple[int, int]] = []
    for place in gone:
        if runs and place.start <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], place.end)
        else:
            runs.append((place.start, place.end))
    ends_group = {place.end for place in gone if place.group}
    return [_cut(text, start, end, end in ends_group) for start, end in runs]


def _cut(text: str, start: int, end: int, in_group: bool) -> tuple[int, int]:
    following = text[end : end + 1]
    rest = text[end + 1 :]
    if (following == "," or (following == ";" and not in_group)) and rest.strip():
        return start + _blanks(text[start:]), end + 1 + _blanks(rest)
    end = start + len(text[start:end].rstrip())
    return (start - 1 if text[start - 1 : start] == "," else start + _blanks(text[start:end])), end


def _blanks(text: str) -> int:
    return len(text) - len(text.lstrip())


def _key(address: str) -> str:
    """As `Message.mailboxes` gives it: what a reader shows is what a person drops."""
    return key(charset.clean(address))


def _fields(head: bytes) -> list[fields.Field]:
    return list(fields.fields(head, fields.first(head), fields.head(head)[0]))


def _after(head: bytes, end: int, line: bytes) -> bytes:
    """A new field behind the one that ends at `end`, which may be the head's last and lack its line end."""
    gap = b"" if end == 0 or head[end - 1 : end] == b"\n" else b"\r\n"
    return _closed(head[:end] + gap + line + head[end:])


def _closed(head: bytes) -> bytes:
    """With its blank line."""
    end, body = fields.head(head)
    if body > end:
        return head
    gap = b"" if _LINE_END.search(head[:end]) else b"\r\n"
    return head[:end] + gap + b"\r\n" + head[end:]


def _line(name: str, value: str) -> bytes:
    return f"{name}: {value}\r\n".encode()


def _text(head: bytes, found: fields.Field) -> str:
    return fields.unfolded(head[found.value : found.end])


def _check_folded(name: str, value: str) -> None:
    _check_name(name)
    if _BREAKS.search(value):
        raise ValueError(f"the value of {name} has a line end that is not followed by a blank and text")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a header field")


def _check_address(address: str) -> None:
    if not address or _CONTROL.search(address):
        raise ValueError(f"{address!r} cannot be written into a header")


def _check_text(text: str) -> None:
    if not text.strip() or _CONTROL.search(text):
        raise ValueError(f"{text!r} cannot be written into a header")
