"""A tolerant reader of address lists (RFC 5322 §3.4 and what is really sent), with the place of each address.

It never raises and never loses an address to a quote or bracket somebody forgot to close. Time is linear.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from mailguard.mail import charset, fields

_WS = " \t\r\n"
# Nearly every address of a real list, in one step.
_SIMPLE = re.compile(
    r"[ \t\r\n]*+(?!=\?)(?:"
    r'(?:("[^"\\]*+"|[^"\\<>()\[\]:;,@]*+)[ \t\r\n]*+<([^\s"\\<>()\[\]:;,@]++@[^\s"\\<>()\[\]:;,@]++)>)'
    r'|([^\s"\\<>()\[\]:;,@]++@[^\s"\\<>()\[\]:;,@]++)'
    r")[ \t\r\n]*+(?:,|\Z)"
)
_EMPTY = re.compile(r"(?:[ \t\r\n]*+,)++")  # elements with nothing in them: a quarter of a million cost a second else
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_ANGLE = re.compile(r'<(?:"(?:[^"\\]|\\.)*+"|[^<>"])*+>', re.DOTALL)
_BARE_ANGLE = re.compile(r"<[^<>]*+>")
_WORD = re.compile(r"=\?[^?\s]{1,80}\?[bBqQ]\?[^?]*+\?=")
_LITERAL = re.compile(r"\[[^\[\]\\]*+\]")
_PLAIN = re.compile(r'[^\s"(),:;<>\[\]=]++')
_PARENS = re.compile(r"\\.|[()]", re.DOTALL)
_AROUND = re.compile(r" ?([.@]) ?")
# Blank, dot and @ inside a quoted string, as what no decoded text can hold.
_HIDDEN = {32: "\ud800", 46: "\ud801", 64: "\ud802"}
_GIVEN_BACK = {0xD800: " ", 0xD801: ".", 0xD802: "@"}
_ROUTE = re.compile(r"@[^@:,<>\"]*+(?:[,\s]++@[^@:,<>\"]*+)*+[,\s]*+:")
_OPENERS: dict[str, tuple[str, tuple[re.Pattern[str], ...]]] = {
    '"': ("q", (_QUOTED,)),
    "<": ("<", (_ANGLE, _BARE_ANGLE)),
    "[": ("w", (_LITERAL,)),
    "=": ("w", (_WORD,)),
    "(": ("c", ()),
}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Place(NamedTuple):
    """One mailbox and where its list element is: `start:end` holds name, address and comments, no comma."""

    name: str  # as written: neither unquoted nor decoded
    address: str
    start: int
    end: int
    group: bool = False


class Token(NamedTuple):
    """`kind` is one of `q` quoted string, `<` angle, `w` word, `c` comment, space, or the separator itself."""

    kind: str
    text: str
    start: int


def places(text: str) -> list[Place]:
    """Every mailbox of the list, in order, those inside groups too."""
    found: list[Place] = []
    at, reader = 0, _Reader(text)
    while at < len(text):
        if empty := _EMPTY.match(text, at):
            at = empty.end()
        elif simple := _SIMPLE.match(text, at):
            end = simple.end() - simple[0].endswith(",")
            found.append(Place(simple[1] or "", simple[2] or simple[3], at, end, reader.grouped))
            at = simple.end()
        else:
            at = reader.element(at, found)
    return found


def unclosed(text: str) -> bool:
    """Whether something open at the end would swallow an address appended to it."""
    reader = _Reader(text)
    for _ in reader.tokens(0):
        pass
    return reader.broken


def bare(text: str) -> str:
    """The list without what is quoted or in comments, however it is broken."""
    return "".join(" " if token.kind in "cq" else token.text for token in _Reader(text).tokens(0))


def display(name: str) -> str:
    """A display name as a person reads it."""
    name = name.strip(_WS)
    if name.isalnum():
        return name
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = _ESCAPED.sub(r"\1", name[1:-1])
    return charset.clean(fields.words(name[: fields.DECODED])).strip()


class _Reader:
    """Reads list elements one after the other; remembers the open group, and what was never closed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.grouped = False
        self.broken = False
        self._hopeless: set[re.Pattern[str]] = set()  # no closer ahead: searched for once, or time is quadratic

    def element(self, at: int, found: list[Place]) -> int:
        """Read the element at `at` into `found`; the offset behind its separator."""
        tokens: list[Token] = []
        start = at
        for token in self.tokens(at):
            at = token.start + len(token.text)
            if token.kind == ":" and not self.grouped:
                self.grouped, tokens, start = True, [], at  # what came before was the group's name
            elif token.kind in ",;":
                found += _mailboxes(tokens, start, token.start, self.grouped)
                self.grouped = self.grouped and token.kind == ","
                return at
            else:
                tokens.append(token)
        found += _mailboxes(tokens, start, len(self.text), self.grouped)
        return len(self.text)

    def tokens(self, at: int) -> Iterator[Token]:
        while at < len(self.text):
            token = self._token(at)
            yield token
            at += len(token.text)

    def _token(self, at: int) -> Token:
        char = self.text[at]
        if char in _OPENERS and (token := self._opened(char, at)):
            return token
        if char in ",:;":
            return Token(char, char, at)
        if char in _WS:
            return Token(" ", char, at)
        plain = _PLAIN.match(self.text, at)
        return Token("w", plain[0] if plain else char, at)

    def _opened(self, char: str, at: int) -> Token | None:
        if char == "(":
            comment = self._comment(at)
            return Token("c", comment, at) if comment else None
        kind, patterns = _OPENERS[char]
        for pattern in patterns:
            if pattern in self._hopeless:
                continue
            if found := pattern.match(self.text, at):
                return Token(kind, found[0], at)
            if pattern in (_QUOTED, _ANGLE):
                self._hopeless.add(pattern)
        self.broken = self.broken or char in '"<'
        return None

    def _comment(self, at: int) -> str:
        depth = 0
        if _PARENS in self._hopeless:
            return ""
        for found in _PARENS.finditer(self.text, at):
            depth += {"(": 1, ")": -1}.get(found[0], 0)
            if not depth:
                return self.text[at : found.end()]
        self._hopeless.add(_PARENS)
        self.broken = True
        return ""


def _mailboxes(tokens: list[Token], start: int, end: int, group: bool) -> list[Place]:
    """What one element names: usually one mailbox; several where a comma was forgotten."""
    angles = [token for token in tokens if token.kind == "<"]
    if angles:
        name = "".join(" " if token.kind in "c<" else token.text for token in tokens).strip()
        return [Place(name, _angle(token.text), start, end, group) for token in angles]
    comment = next((token.text[1:-1] for token in tokens if token.kind == "c"), "")
    rest = "".join(" " if token.kind in "c " else _kept(token) for token in tokens)
    parts = _AROUND.sub(r"\1", " ".join(rest.split())).split(" ")
    words = [part.translate(_GIVEN_BACK) for part in parts if part]
    addresses = [word for word in words if "@" in word] or [" ".join(words)]
    return [Place(comment, address, start, end, group) for address in addresses if address]


def _kept(token: Token) -> str:
    """The blanks of a quoted string are hidden while the rest is split at blanks."""
    return token.text.translate(_HIDDEN) if token.kind == "q" else token.text


def _angle(text: str) -> str:
    inner = text[1:-1].strip(_WS)
    route = _ROUTE.match(inner)
    inner = inner[route.end() :] if route else inner
    return inner if '"' in inner else "".join(inner.split())
