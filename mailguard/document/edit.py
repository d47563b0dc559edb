"""One entry of a file a person wrote is changed, and nothing else in it: comments, order and layout stay."""

import re
from dataclasses import dataclass

from mailguard.document.source import BREAK
from mailguard.document.tree import Document, Loc


class NotInPlace(ValueError):
    """The entry stands in a way that a person must change. The text says where."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a file, before and after; `before` is '' where one is added. Lines count from 1."""

    line: int
    before: str
    after: str


class Edited:
    """A text and its document; `Document` says where an entry is, the text is what is changed."""

    def __init__(self, text: str, document: Document) -> None:
        self._bom = "\ufeff" if text.startswith("\ufeff") else ""
        self._document = document
        self._lines = re.split(f"({BREAK.pattern})", text.removeprefix("\ufeff"))  # a line, its end, a line, …

    @property
    def text(self) -> str:
        return self._bom + "".join(self._lines)

    def replace(self, loc: Loc, entry: str) -> Change:
        """Write another entry (`key: value`) where that of `loc` stands. NotInPlace."""
        line, begin, end = self._span(loc)
        before = self._lines[2 * line - 2]
        after = before[:begin] + entry + before[end:]
        self._lines[2 * line - 2] = after
        return Change(line, before, after)

    def insert_after(self, loc: Loc, entry: str) -> Change:
        """Write an entry behind that of `loc`: in braces on the same line, else on a line of its own. NotInPlace."""
        line, begin, end = self._span(loc)
        here = self._lines[2 * line - 2]
        if self._document.in_braces(loc[:-1]):
            after = f"{here[:end]}, {entry}{here[end:]}"
            self._lines[2 * line - 2] = after
            return Change(line, here, after)
        new = " " * begin + entry
        ending = self._lines[2 * line - 1] if len(self._lines) > 2 * line - 1 else "\n"
        self._lines[2 * line - 1 : 2 * line - 1] = [ending, new]
        return Change(line + 1, "", new)

    def _span(self, loc: Loc) -> tuple[int, int, int]:
        """Line, and the columns (from 0) at which key and value begin and end."""
        (line, column, _), value = self._document.mark(loc, key=True), self._document.place(loc)
        text = self._lines[2 * line - 2]
        end = value[1] - 1 + value[2]
        if value[0] != line or text[value[1] - 1] in "|>&" or not _closed(text[value[1] - 1 : end]):
            raise NotInPlace(f"{self._document.path}:{line}: {loc[-1]} stands on several lines: write it on one")
        return line, column - 1, end


def _closed(value: str) -> bool:
    """Whether a list or mapping in brackets ends where it is said to."""
    return value[:1] not in "{[" or value[-1:] in "}]"
