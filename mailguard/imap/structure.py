"""Which part of a mail is its text, by its BODYSTRUCTURE (RFC 9051 §7.5.2), and a mail of that part alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailguard.imap.answers import Value

_DEEPEST = 20
_PARAMETERS, _ENCODING, _DISPOSITION = 2, 5, 9  # places in a part that is text
_MOST = 200  # parts that are looked at
_CONTENT = re.compile(rb"^(?:content-[^\r\n:]*|mime-version)[ \t]*:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*", re.I | re.M)
_PLAIN = re.compile(rb"[\w.+:-]{1,60}")  # of a charset or encoding; anything else is none
_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]")


@dataclass(frozen=True, slots=True)
class Part:
    """`section` is its number, as it is asked for."""

    section: str
    subtype: bytes
    charset: bytes
    encoding: bytes


def text_part(structure: Value) -> Part | None:
    """The first plain text, or where there is none the first HTML; not of attached files and mails."""
    found = [part for part, _ in zip(_texts(structure, "", 0), range(_MOST), strict=False)]
    plain = [part for part in found if part.subtype == b"PLAIN"]
    return next(iter(plain or found), None)


def _texts(part: Value, section: str, depth: int) -> Iterator[Part]:
    if not isinstance(part, list) or not part or depth > _DEEPEST:
        return
    if isinstance(part[0], list):
        for number, inner in enumerate((each for each in part if isinstance(each, list)), 1):
            yield from _texts(inner, f"{section}.{number}" if section else f"{number}", depth + 1)
        return
    kind, subtype = _word(part, 0), _word(part, 1)
    if kind == b"TEXT" and subtype in (b"PLAIN", b"HTML") and not _attached(part):
        yield Part(section or "1", subtype, _charset(part), _token(part, _ENCODING))


def _at(part: list[Value], place: int) -> Value:
    return part[place] if len(part) > place else None


def _word(part: list[Value], place: int) -> bytes:
    value = _at(part, place)
    return value.upper() if isinstance(value, bytes) else b""


def _token(part: list[Value], place: int) -> bytes:
    word = _word(part, place)
    return word if _PLAIN.fullmatch(word) else b""


def _attached(part: list[Value]) -> bool:
    disposition = _at(part, _DISPOSITION)
    return isinstance(disposition, list) and bool(disposition) and _word(disposition, 0) == b"ATTACHMENT"


def _charset(part: list[Value]) -> bytes:
    said = _at(part, _PARAMETERS)
    names = said if isinstance(said, list) else []
    return next((_token(names, at + 1) for at in range(0, len(names), 2) if _word(names, at) == b"CHARSET"), b"")


def alone(head: bytes, part: Part | None, text: bytes) -> bytes:
    """The mail as it would be with this text and nothing else. Both may be cut off where they were long."""
    if not head.endswith((b"\r\n\r\n", b"\n\n")):
        head = head[: head.rfind(b"\n") + 1]
    head = _CONTENT.sub(b"", head.rstrip(b"\r\n") + b"\r\n")
    if part is None:
        return head + b"\r\n"
    lines = [b"MIME-Version: 1.0", b"Content-Type: text/" + part.subtype.lower()]
    lines[-1] += b"; charset=" + part.charset if part.charset else b""
    lines += [b"Content-Transfer-Encoding: " + part.encoding] if part.encoding else []
    return head + b"\r\n".join(lines) + b"\r\n\r\n" + (_whole(text) if part.encoding == b"BASE64" else text)


def _whole(text: bytes) -> bytes:
    """Base64 that was cut off, up to its last whole group."""
    letters = _BASE64.sub(b"", text)
    return letters[: len(letters) // 4 * 4]
