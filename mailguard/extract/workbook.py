"""The sheets of an xlsx: what their cells say, hidden ones told apart."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Mapping

from mailguard.extract import markup
from mailguard.extract.work import Work
from mailguard.records.content import Where

_OFF = ("0", "false", "")
_CODES = re.compile(r'&(?:"[^"]*"|K[0-9A-F]{6}|\d+|[A-Z])')  # left, page number, bold, … in a header
_HEADERS = frozenset({"oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter"})


def read(work: Work, archive: zipfile.ZipFile) -> None:
    """Sheet by sheet, in the order of the file."""
    names = set(archive.namelist())
    book, targets, strings = _Book(work), _Targets(), _Strings()
    markup.walk(markup.member(archive, "xl/workbook.xml", work), book)
    if "xl/_rels/workbook.xml.rels" in names:
        markup.walk(markup.member(archive, "xl/_rels/workbook.xml.rels", work), targets)
    if "xl/sharedStrings.xml" in names:
        markup.walk(markup.member(archive, "xl/sharedStrings.xml", work), strings)
    hidden = {_path(targets.found.get(one, "")) for one in book.hidden}
    for name in sorted(names):
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            markup.walk(markup.member(archive, name, work), _Cells(work, strings, hidden=name in hidden))
            work.end()
    for at, text in enumerate(strings.all):  # deleted cells leave theirs behind
        if at not in strings.used:
            work.line(text, Where.HIDDEN)
    work.end()


def _path(target: str) -> str:
    return posixpath.normpath(target[1:] if target.startswith("/") else f"xl/{target}")


class _Book:
    """The names of the sheets, and which of them are hidden."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._defined = False
        self.hidden: set[str] = set()

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in ("sheet", "definedName"):
            self._work.line(attributes.get("name", ""), Where.METADATA)
            self._work.line(attributes.get("comment", ""), Where.COMMENT)
        if name == "sheet" and attributes.get("state", "visible") != "visible":
            self.hidden.add(attributes.get("id", ""))
        self._defined = name == "definedName"

    def end(self, name: str) -> None:
        if name == "definedName":
            self._work.text("\n", Where.METADATA)

    def text(self, text: str) -> None:
        if self._defined:
            self._work.text(text, Where.METADATA)


class _Targets:
    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship":
            self.found[attributes.get("Id", "")] = attributes.get("Target", "")

    def end(self, name: str) -> None: ...

    def text(self, text: str) -> None: ...


class _Strings:
    """The shared strings, by number."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.used: set[int] = set()
        self._words: list[str] = []
        self._open = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002
        self._open = name == "t"

    def end(self, name: str) -> None:
        self._open = False
        if name == "si":
            self.all.append("".join(self._words))
            self._words = []

    def text(self, text: str) -> None:
        if self._open:
            self._words.append(text)

    def use(self, number: str) -> str:
        at = int(number) if number.isdecimal() and len(number) < 10 else -1  # noqa: PLR2004
        if not 0 <= at < len(self.all):
            return ""
        self.used.add(at)
        return self.all[at]


class _Cells:
    """One sheet: a line for every row, a tab between cells."""

    def __init__(self, work: Work, strings: _Strings, *, hidden: bool) -> None:
        self._work, self._strings = work, strings
        self._sheet = Where.HIDDEN if hidden else Where.BODY
        self._columns: list[tuple[int, int]] = []
        self._row_hidden = self._column_hidden = self._shared = False
        self._said: list[str] = []
        self._open = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in ("v", "f", "t") or name in _HEADERS:
            self._open, self._said = name, []
        elif name == "c":
            self._shared = attributes.get("t") == "s"
            self._column_hidden = bool(self._columns) and _column(attributes.get("r", "")) in _Ranges(self._columns)
        elif name == "row":
            self._row_hidden = attributes.get("hidden", "") not in _OFF
        elif name == "col" and attributes.get("hidden", "") not in _OFF:
            self._columns.append((_number(attributes.get("min", "")), _number(attributes.get("max", ""))))

    def end(self, name: str) -> None:
        if name == self._open:
            text, self._open = "".join(self._said), ""
            where = Where.HEADER if name in _HEADERS else self._where
            text = self._strings.use(text) if name == "v" and self._shared else text
            self._work.text(_CODES.sub("\n", text) if name in _HEADERS else text, where)
            self._work.text("\n" if name in _HEADERS else "\t", where)
        elif name == "row":
            self._work.text("\n", self._where)

    def text(self, text: str) -> None:
        if self._open:
            self._said.append(text)

    @property
    def _where(self) -> Where:
        return Where.HIDDEN if self._row_hidden or self._column_hidden else self._sheet


class _Ranges:
    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self._ranges = ranges

    def __contains__(self, column: int) -> bool:
        return any(first <= column <= last for first, last in self._ranges)


def _column(cell: str) -> int:
    """AB12 → 28."""
    number = 0
    for letter in cell[:4]:
        if not letter.isalpha():
            break
        number = number * 26 + ord(letter.upper()) - 64
    return number


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004
