"""What an IMAP server answers, as lists of what it says (RFC 9051 §4): atoms and strings are bytes, NIL is None."""

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

Value: TypeAlias = "bytes | list[Value] | None"
Line: TypeAlias = bytes | tuple[bytes, bytes]  # as imaplib has them: a line, or a line that ends in a literal, and it

_LITERAL = re.compile(rb"~?\{\d+\+?\}$")
_TOKEN = re.compile(rb' *(?:(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>[^\s()"]+))', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_DEEPEST = 200  # a mail of parts in parts in parts


def answers(lines: Sequence[Line | None]) -> Iterator[list[Value]]:
    """Each answer, without the words before it. ValueError at one that can't be read."""
    whole = list[Line]()
    for line in lines:
        if line is None:
            continue
        whole.append(line)
        if isinstance(line, bytes):  # with it ends what began with a literal
            yield _read(whole)
            whole = []


def fetched(lines: Sequence[Line | None]) -> Iterator[dict[bytes, Value]]:
    """Of each mail what was asked for, by its name without the `<0>` of a piece. What can't be read is left out."""
    whole = list[Line]()
    for line in lines:
        if line is None:
            continue
        whole.append(line)
        if isinstance(line, bytes):
            try:
                said = next((value for value in _read(whole) if isinstance(value, list)), [])
            except ValueError:
                said = []
            whole = []
            names = [value for value in said[::2] if isinstance(value, bytes)]
            yield {name.upper().partition(b"<")[0]: value for name, value in zip(names, said[1::2], strict=False)}


def _read(lines: Sequence[Line]) -> list[Value]:
    found = list[Value]()
    open_lists = [found]
    for line in lines:
        text, literal = line if isinstance(line, tuple) else (line, None)
        _tokens(_LITERAL.sub(b"", text) if literal is not None else text, open_lists)
        if literal is not None:
            open_lists[-1].append(literal)
    if len(open_lists) != 1:
        raise ValueError("an answer without its end")
    return found


def _tokens(text: bytes, open_lists: list[list[Value]]) -> None:
    place, end = 0, len(text.rstrip())
    while place < end:
        token = _TOKEN.match(text, place)
        if token is None:
            raise ValueError("an answer that is none")
        place = token.end()
        if token["open"]:
            inner = list[Value]()
            open_lists[-1].append(inner)
            open_lists.append(inner)
            if len(open_lists) > _DEEPEST:
                raise ValueError("an answer too deep")
        elif token["close"]:
            open_lists.pop()
            if not open_lists:
                raise ValueError("an answer that ends twice")
        elif token["quoted"] is not None:
            open_lists[-1].append(_ESCAPED.sub(rb"\1", token["quoted"]))
        else:
            open_lists[-1].append(None if token["atom"].upper() == b"NIL" else token["atom"])
