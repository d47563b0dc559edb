"""Byte-range surgery on a message's header: what is not edited stays as it is, byte for byte."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from mailguard.mail import charset, fields
from mailguard.mail.address import key
from mailguard.mail.mailboxes import Place, places, unclosed

_NAME = re.compile(r"[!-9;-~]{1,100}")
_BREAKS = re.compile(r"\r\n(?![ \t]+\S)|(?<!\r)\n|\r(?!\n)|\0")  # a line end that is no fold would start a new field
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SIGNED = re.compile(r"(?:^|;)\s*h\s*=([^;]*)", re.IGNORECASE)
_LINE_END = re.compile(rb"\r?\n\Z")


@dataclass(frozen=True, slots=True)
class Prepend:
    """A new field above all others (Received, Date, Message-ID); `value` is already folded."""

    name: str
    value: str

    def __post_init__(self) -> None:
        _check_name(self.name)
        if _BREAKS.search(self.value):
            raise ValueError(f"the value of {self.name} has a line end that is not followed by a blank and text")


@dataclass(frozen=True, slots=True)
class Remove:
    """Every field of this name goes (Bcc)."""

    name: str

    def __post_init__(self) -> None:
        _check_name(self.name)


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


Edit = Prepend | Remove | AddCc | Drop
_KINDS: dict[str, type[Prepend] | type[Remove] | type[AddCc] | type[Drop]] = {
    "prepend": Prepend,
    "remove": Remove,
    "add_cc": AddCc,
    "drop": Drop,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def split(raw: bytes | bytearray) -> int:
    """The offset of the body; the head before it ends with the blank line, if there is one."""
    return fields.head(raw)[1]


def apply(head: bytes, edits: Sequence[Edit]) -> bytes:
    """The head with the edits made in order, so that the last Prepend is on top.

    A head that gains a field and had no blank line gets one: else the body's first line could become a header.
    """
    for edit in edits:
        match edit:
            case Prepend(name, value):
                at = fields.first(head)
                head = _closed(head[:at] + _line(name, value) + head[at:])
            case Remove(name):
                head = _without(head, [found for found in _fields(head) if found.name == name.lower()])
            case AddCc(address):
                head = _add_cc(head, address)
            case Drop(address):
                head = _drop(head, key(address))
    return head


def dump(edits: Sequence[Edit]) -> str:
    """The edits as JSON."""
    return json.dumps([{"edit": _NAMES[type(edit)], **asdict(edit)} for edit in edits], ensure_ascii=False)


def load(text: str) -> tuple[Edit, ...]:
    """The edits of `dump`; ValueError when it is something else."""
    try:
        return tuple(_KINDS[each.pop("edit")](**each) for each in json.loads(text))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no header edits: {error!r}") from error


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
        return _append(head, _line("Cc", address))
    last = cc[-1]
    value = head[last.value : last.end]
    written = value.rstrip(b" \t\r\n")
    if not written:
        return head[: last.start] + _line("Cc", address) + head[last.end :]
    if unclosed(value.decode("latin-1")):  # what follows an open quote or comment is not read as an address
        return head[: last.end] + _line("Cc", address) + head[last.end :]
    comma = b"" if written.endswith(b",") else b","
    at = last.value + len(written)
    return head[:at] + comma + b"\r\n " + address.encode() + head[at:]


def _drop(head: bytes, unwanted: str) -> bytes:
    for found in reversed([each for each in _fields(head) if each.name in ("to", "cc")]):
        text = head[found.value : found.end].decode("latin-1")  # one character a byte: offsets stay true
        runs = _runs(text, [place for place in places(text) if _key(place.address) == unwanted])
        for start, end in reversed(runs):
            text = text[:start] + text[end:]
        if runs and not text.strip(" \t\r\n,;"):
            head = _without(head, [found])
        elif runs:
            head = head[: found.value] + text.encode("latin-1") + head[found.end :]
    return head


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
    return key(charset.decode(address.encode("latin-1")))


def _fields(head: bytes) -> list[fields.Field]:
    return list(fields.fields(head, fields.first(head), fields.head(head)[0]))


def _without(head: bytes, gone: Sequence[fields.Field]) -> bytes:
    for found in reversed(gone):
        head = head[: found.start] + head[found.end :]
    return head


def _append(head: bytes, line: bytes) -> bytes:
    end, _ = fields.head(head)
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


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a header field")


def _check_address(address: str) -> None:
    if not address or _CONTROL.search(address):
        raise ValueError(f"{address!r} cannot be written into a header")
