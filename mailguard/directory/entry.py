"""Entries as a directory gives them, and DNs in the one form they are compared in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_HEX = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_PARTS = re.compile(r'(?:\\.|"(?:\\.|[^"\\])*"|[^\\,;+"])*(?:[,;+]|$)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; attribute names in lower case, values as text."""

    dn: str
    values: Mapping[str, tuple[str, ...]]

    def all(self, attribute: str) -> tuple[str, ...]:
        return self.values.get(attribute.lower(), ())

    def first(self, attribute: str) -> str:
        """The first value, '' without one."""
        return next(iter(self.all(attribute)), "").strip()


@dataclass(frozen=True)
class Answer:
    """All that was asked of a directory, before anybody made sense of it.

    `others` are members that are neither people nor groups of the two searches. `inside`: by a group's DN the people
    in groups within it, where the server itself could say so. `unasked`: members that nobody looked up any more.
    """

    people: tuple[Entry, ...] = ()
    groups: tuple[Entry, ...] = ()
    others: tuple[Entry, ...] = ()
    inside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unasked: int = 0


class Names(dict[str, str]):
    """The keys of DNs as they are written, each worked out once."""

    def __missing__(self, dn: str) -> str:
        self[dn] = found = dn_key(dn)
        return found


def dn_key(dn: str) -> str:
    """The form for comparing (RFC 4514): case, spaces, the way of escaping and the order in `a=1+b=2` don't count.

    Total: what is no DN comes back in lower case.
    """
    if not any(c in dn for c in '\\"+#;'):
        return ",".join(_ava(*part.partition("=")) for part in dn.split(","))
    rdns: list[list[str]] = [[]]
    for piece in _PARTS.findall(dn):
        end = piece[-1:] if piece[-1:] in ",;+" else ""
        text = piece[: len(piece) - len(end)]
        if text.strip():
            name, equals, value = text.partition("=")
            rdns[-1].append(_ava(name, equals, _plain(value)))
        if end and end in ",;":
            rdns.append([])
    return ",".join("+".join(sorted(rdn)) for rdn in rdns)


def is_dn(text: str) -> bool:
    """Whether it is meant as one, and not as an address (those with a `=` near their beginning are hardly seen)."""
    return re.match(r"\s*[A-Za-z0-9.-]+\s*=", text) is not None


def _ava(name: str, equals: str, value: str) -> str:
    return f"{name.strip().lower()}{equals}{' '.join(value.split()).lower()}"


def _plain(value: str) -> str:
    """Without escapes and quotes; a separator within the value stays escaped, so that no two DNs become one."""
    text = value.strip()
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        text = text[1:-1]
    text = _HEX.sub(lambda m: bytes.fromhex(m[1].replace("\\", "")).decode("utf-8", "replace") if m[1] else m[2], text)
    return re.sub(r"([,+;=\\])", r"\\\1", text)
