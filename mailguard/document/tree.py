"""A file as plain data, every piece of it with its place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mailguard.document.problem import Problem, Severity

Loc: TypeAlias = Sequence[str | int]
Place: TypeAlias = tuple[int, int, int]  # line, column (both from 1), length

_SECRET = re.compile(
    r"(?:(?<=password: )|(?<=secret: )|(?<=token: ))\s*(?![\[{])(\"[^\"]*\"?|'[^']*'?|[^,}\s]+)"  # a rule's is {…}
    r"|(?<=key: )\s*[\"']?[^.,}\s]{8,}(?![^,}\s])"  # no file with an ending
    r"|\$argon2[^\s\"',}]+"  # a hash that could be tried against
    r"|(?<=://)[^\s/@]+:[^\s/@]+(?=@)|(?<=[?&]password=)[^\s&]+"  # user:password@ of a URL, or in its query
)


@dataclass(slots=True)
class Node:
    """A value and where it stands; `entries` by key or index, `keys` are the places of a mapping's keys."""

    value: Any
    place: Place
    weight: int = 1  # nodes in here, aliases unfolded
    closed: bool = True
    entries: dict[str | int, "Node"] = field(default_factory=dict)
    keys: dict[str | int, Place] = field(default_factory=dict)


class Document:
    """What a file says (`data`) and where it says it."""

    def __init__(self, path: str, lines: Sequence[str], root: Node) -> None:
        self.path = path
        self.data: Any = root.value
        self._lines = lines
        self._root = root

    def mark(self, loc: Loc, *, key: bool = False) -> Place:
        """The place of the value at `loc`, or of its key: line, column, length.

        A mapping or list is shown by its key. What is not in the file is passed over, so a missing key is
        shown where it should have been.
        """
        node, place = self._root, self._root.place
        for step in loc:
            if step in node.entries:
                at_key, node = node.keys.get(step), node.entries[step]
                place = at_key if at_key and (key or isinstance(node.value, dict | list)) else node.place
        return place

    def place(self, loc: Loc) -> Place:
        """Where the value at `loc` itself stands: of a mapping or list where it begins. KeyError."""
        return self._at(loc).place

    def in_braces(self, loc: Loc) -> bool:
        """Whether the mapping at `loc` is written as {key: value}, rather than a key a line. KeyError."""
        line, column, _ = self._at(loc).place
        return self._lines[line - 1][column - 1 : column] == "{"

    def _at(self, loc: Loc) -> Node:
        node = self._root
        for step in loc:
            node = node.entries[step]
        return node

    def part(self, loc: Loc) -> "Document":
        """What stands at `loc` as a document of its own, its places still those in the file. KeyError."""
        return Document(self.path, self._lines, self._at(loc))

    def problem(
        self,
        loc: Loc,
        code: str,
        message: str,
        help: str = "",  # noqa: A002 - the word people see
        context: str = "",
        severity: Severity = "error",
        *,
        key: bool = False,
    ) -> Problem:
        """A finding at `loc`; passwords in its source line are masked."""
        line, column, length = self.mark(loc, key=key)
        source = masked(self._lines[line - 1])
        return Problem(code, severity, self.path, line, column, length, message, help, source, context)


def masked(line: str) -> str:
    """A source line with passwords hidden, every letter still in its column."""
    return _SECRET.sub(lambda found: "*" * len(found[0]), line)
