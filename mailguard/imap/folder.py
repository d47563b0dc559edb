"""One folder, open to be read only: which mails are in it, and of some of them what the model looks at."""

import imaplib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from mailguard.imap.answers import Line, Value, answers, fetched
from mailguard.imap.names import quoted, shown, wired
from mailguard.imap.server import Refused
from mailguard.imap.structure import Part, alone, text_part

_HEAD = 256 << 10  # bytes: enough for a thousand recipients
_TEXT = 32 << 10  # encoded: more than the model looks at
_FEW = 100_000  # mails whose numbers fit into one answer; imaplib reads lines of up to a million octets
_LISTED = 3  # of a folder: its marks, what separates it from those in it, its name
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # RFC 9051, any locale
_NUMBERS = re.compile(rb"\d+")


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail: its header and its text, put together as a mail of that alone. `raw` is empty where it sent no header."""

    uid: int
    raw: bytes


def sent_folders(link: imaplib.IMAP4) -> list[str]:
    """The names, as they go over the wire, of what is marked as sent mail (RFC 6154). Refused where nothing is."""
    _, can = link.capability()  # after the log-in there is more of it
    marks = '"*" RETURN (SPECIAL-USE)' if any(b"SPECIAL-USE" in line.upper().split() for line in can if line) else '"*"'
    _, lines = link.list('""', marks)
    every = [said for said in answers(_lines(lines)) if len(said) == _LISTED]
    found = [_name(said) for said in every if isinstance(said[0], list) and b"\\sent" in _lowered(said[0])]
    if not found:
        there = ", ".join(sorted(shown(_name(said)) for said in every)[:20])
        raise Refused(f"no folder is marked as the one of sent mail; name it behind the host. There are: {there}")
    return found


def _lowered(marks: list[Value]) -> list[bytes]:
    return [mark.lower() for mark in marks if isinstance(mark, bytes)]


def _name(said: list[Value]) -> str:
    return said[2].decode("utf-8", "replace") if isinstance(said[2], bytes) else ""


class Folder:
    """`validity`: while it is the same, a mail's UID is (RFC 9051 §2.3.1.1)."""

    def __init__(self, link: imaplib.IMAP4, name: str) -> None:
        """EXAMINE: nothing in it is changed, not even what was seen."""
        self._link = link
        kind, said = link.select(quoted(name), readonly=True)
        if kind != "OK":
            raise Refused(f"there is no folder {shown(name)!r}: {_text(said)}")
        self._mails = int(said[0] or 0)
        self.validity = _number(link.response("UIDVALIDITY")[1])
        self._next = _number(link.response("UIDNEXT")[1])

    def since(self, day: datetime, after: int) -> list[int]:
        """The UIDs behind `after` of mails that were put there since this day, in order."""
        what, found = f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}", list[int]()
        if self._mails <= _FEW:
            return self._search(f"{after + 1}:*", what, after)
        for begin in range(after + 1, max(self._next, after + 2), _FEW):
            found += self._search(f"{begin}:{begin + _FEW - 1}", what, after)
        return found

    def _search(self, where: str, what: str, after: int) -> list[int]:
        kind, said = self._link.uid("SEARCH", "UID", where, what)
        if kind != "OK":
            raise Refused(f"it can't be searched: {_text(said)}")
        numbers = {int(number) for line in said if line for number in _NUMBERS.findall(line)}
        return sorted(number for number in numbers if number > after)  # `9:*` is the last one, also where that is 5

    def read(self, uids: Sequence[int]) -> list[Sent]:
        """Of these what is still there. Never more than so many bytes of each, however large they are."""
        heads = {
            uid: said
            for said in self._fetch(uids, f"(UID BODYSTRUCTURE BODY.PEEK[HEADER]<0.{_HEAD}>)")
            if (uid := _uid(said)) in uids
        }
        parts = {uid: text_part(said.get(b"BODYSTRUCTURE")) for uid, said in heads.items()}
        texts = self._texts(parts)
        found = []
        for uid, said in sorted(heads.items()):
            head = said.get(b"BODY[HEADER]")
            raw = alone(head, parts[uid], texts.get(uid, b"")) if isinstance(head, bytes) and head else b""
            found.append(Sent(uid, raw))
        return found

    def _texts(self, parts: dict[int, Part | None]) -> dict[int, bytes]:
        found = dict[int, bytes]()
        for section in sorted({part.section for part in parts.values() if part}):
            uids = [uid for uid, part in parts.items() if part and part.section == section]
            for said in self._fetch(uids, f"(UID BODY.PEEK[{section}]<0.{_TEXT}>)"):
                text = said.get(f"BODY[{section}]".encode())
                if isinstance(text, bytes):
                    found[_uid(said)] = text
        return found

    def _fetch(self, uids: Sequence[int], what: str) -> list[dict[bytes, Value]]:
        kind, lines = self._link.uid("FETCH", ",".join(map(str, uids)), what)
        if kind != "OK":
            raise Refused(f"it gives nothing: {_text(lines)}")
        return list(fetched(_lines(lines)))


def by_name(name: str) -> str:
    """As it goes over the wire, of a name that a person wrote."""
    return wired(name)


def _lines(data: Sequence[object]) -> list[Line | None]:
    return cast("list[Line | None]", list(data))


def _uid(said: dict[bytes, Value]) -> int:
    value = said.get(b"UID")
    return int(value) if isinstance(value, bytes) and value.isdigit() else 0


def _number(said: Sequence[object]) -> int:
    value = said[-1] if said else None
    return int(value) if isinstance(value, bytes) and value.isdigit() else 0


def _text(said: Sequence[object]) -> str:
    return b" ".join(line for line in said if isinstance(line, bytes)).decode("utf-8", "replace")[:200]
