"""YAML 1.2 (core schema) with a mark for every node; the only importer of PyYAML.

Built from libyaml's events rather than its composer: depth and aliases are counted before anything can recurse
or unfold. Words stay words (`no`, `17:30`, `2027-01-31`); keys are always text.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import yaml

from mailguard.document.problem import Problem, Severity
from mailguard.document.syntax import explain
from mailguard.errors import ConfigError

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_UNFOLDED = 10_000  # nodes that aliases may add: generous for people, nothing for a bomb

Loc: TypeAlias = Sequence[str | int]
Place: TypeAlias = tuple[int, int, int]  # line, column (both from 1), length

_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_SECRET = re.compile(r"(?<=password: )\s*(\"[^\"]*\"?|'[^']*'?|[^,}\s]+)|\$argon2[^\s\"',}]+")
_BOMS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,100}")
_OCTAL = re.compile(r"0o[0-7]{1,100}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,100}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INF = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def scalar(text: str) -> str | int | float | bool | None:
    """A plain scalar by the YAML 1.2 core schema (§10.3.2)."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _INF.fullmatch(text) else text


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
    """A file as plain Python data, every piece of it with its place."""

    def __init__(self, path: str, lines: Sequence[str], root: Node) -> None:
        self.path = path
        self.data: Any = root.value
        self._lines = lines
        self._root = root

    def mark(self, loc: Loc, *, key: bool = False) -> Place:
        """The place of the value at `loc` (its key's with `key`): line, column, length.

        Elements that are not in the file are passed over, so a missing key is shown where it should have been.
        """
        node, place, known = self._root, self._root.place, False
        for step in loc:
            known = step in node.entries
            if known:
                mapping = isinstance(node.entries[step].value, dict | list)
                at_key = node.keys.get(step)
                node = node.entries[step]
                place = at_key if at_key and (key or mapping) else node.place
        return place if known or key or not loc else self._opening(node, place)

    def part(self, loc: Loc) -> "Document":
        """What stands at `loc` as a document of its own, its places still those in the file. KeyError."""
        node = self._root
        for step in loc:
            node = node.entries[step]
        return Document(self.path, self._lines, node)

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
        return Problem(
            code, severity, self.path, line, column, length, message, help, self._line(line), context
        )

    def _opening(self, node: Node, place: Place) -> Place:
        return place if place != self._root.place else node.place

    def _line(self, line: int) -> str:
        return masked(self._lines[line - 1]) if 0 < line <= len(self._lines) else ""


def masked(line: str) -> str:
    """A source line with passwords hidden, every letter still in its column."""
    return _SECRET.sub(lambda found: "*" * len(found[0]), line)


def read(path: Path) -> Document:
    """The document in a file. Raises ConfigError with one Problem."""
    name = str(path)
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                _unreadable(name, "this is not a file")
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _unreadable(name, "there is no such file", "check the path, and the folder it is relative to")
    except IsADirectoryError:
        _unreadable(name, "this is a folder, not a file")
    except OSError as error:
        _unreadable(name, f"cannot be read: {(error.strerror or 'error').lower()}", "check who may read it")
    return parse(_decoded(data, name), name)


def parse(text: str, path: str) -> Document:
    """The document in a text; `path` is what problems call it. Raises ConfigError with one Problem."""
    if len(text) > MAX_BYTES:
        _unreadable(path, "larger than 1 MiB", "split it into several files")
    return _Builder(text.removeprefix("\ufeff"), path).document()


def _unreadable(path: str, message: str, help: str = "") -> NoReturn:  # noqa: A002
    _fail(Problem("MG101", "error", path, 0, 0, 0, message, help))


def _fail(problem: Problem) -> NoReturn:
    raise ConfigError(f"{problem.path}: {problem.message}", [problem])


def _decoded(data: bytes, path: str) -> str:
    encoding = next((name for bom, name in _BOMS.items() if data.startswith(bom)), "")
    if not encoding and data[:2].count(0) == 1:
        encoding = "UTF-16"
    if encoding:
        message, how = f"saved as {encoding}", "save it as UTF-8"
        _fail(Problem("MG109", "error", path, 1, 1, 1, message, how))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        rest = data[error.start :].decode("latin-1")
        lines = _BREAK.split(before)
        source = lines[-1] + _BREAK.split(rest, maxsplit=1)[0]
        message = f"not UTF-8: byte 0x{data[error.start]:02x}"
        how = "save it as UTF-8; it may be Latin-1 or Windows-1250 now"
        _fail(
            Problem("MG109", "error", path, len(lines), len(lines[-1]) + 1, 1, message, how, masked(source))
        )


def _where(error: yaml.MarkedYAMLError) -> tuple[int, int]:
    """The place to mend: an unclosed quote or bracket is shown where it opens, not where the file ends."""
    mark, opened, problem = error.problem_mark, error.context_mark, error.problem or ""
    opening = "end of stream" in problem or "alphabetic" in problem or "expected ','" in problem
    if opened and opening and (mark is None or "alphabetic" in problem or mark.line != opened.line):
        mark = opened
    return (mark.line, mark.column) if mark else (0, 0)


class _Builder:
    """One pass over libyaml's events."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.lines = _BREAK.split(text)
        self.anchors: dict[str, Node] = {}
        self.open: list[
            tuple[Node, Place | None, str | None]
        ] = []  # node, its pending key's place, pending key
        self.unfolded = 0

    def document(self) -> Document:
        self._check_characters()
        root: Node | None = None
        documents = 0
        for event in self._events():
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fail(
                        event,
                        "MG111",
                        "a second document starts here",
                        'one file, one document: remove "---"',
                    )
            else:
                root = self._take(event) or root
        if root is None or (root.value is None and root.weight == 1):
            _fail(
                Problem(
                    "MG110", "error", self.path, 1, 1, 1, "the file is empty", 'it starts with "version: 1"'
                )
            )
        if not isinstance(root.value, dict):
            kind = "a list" if isinstance(root.value, list) else "a single value"
            how = 'start with keys, like "version: 1"; a key needs a space after its ":"'
            self._fail_at(root.place, "MG112", f"expected keys and values, found {kind}", how)
        return Document(self.path, self.lines, root)

    def _events(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self.text, Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            line, column = _where(error)
            source = self.lines[line] if line < len(self.lines) else ""
            indent = len(source) - len(source.lstrip(" "))
            if "start any token" in (error.problem or "") and source[indent : indent + 1] == "\t":
                column = indent
            message, how = explain(error.problem or "", source[column : column + 1], error.context or "")
            self._fail_at((line + 1, column + 1, 1), "MG102", message, how)

    def _take(self, event: yaml.Event) -> Node | None:
        """Fold one event into the tree; the root when it is complete."""
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.AliasEvent):
            return self._put(self._alias(event), event)
        if isinstance(event, yaml.CollectionStartEvent):
            return self._start(event)
        return self._end(event) if isinstance(event, yaml.CollectionEndEvent) else None

    def _scalar(self, event: yaml.ScalarEvent) -> Node | None:
        self._check_tag(event)
        if self._wants_key():
            return self._key(event)
        plain = event.implicit[0] and event.tag is None
        node = Node(scalar(event.value) if plain else event.value, self._place(event))
        self._anchor(event, node)
        return self._put(node, event)

    def _key(self, event: yaml.ScalarEvent) -> None:
        node, _, _ = self.open[-1]
        place, name = self._place(event), str(event.value)
        if name == "<<" and event.implicit[0]:
            self._fail(event, "MG114", 'merge keys ("<<") are not used here', "write the keys out")
        if name in node.keys:
            first = node.keys[name][0]
            self._fail_at(place, "MG108", f'"{name}" is already given in line {first}', "keep one of the two")
        node.keys[name] = place
        self.open[-1] = (node, place, name)

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        self._check_tag(event)
        if self._wants_key():
            how = "if this is text, put it in quotes"
            self._fail(event, "MG114", "a key must be a word, not a list or mapping", how)
        if len(self.open) >= MAX_DEPTH:
            self._fail(event, "MG113", f"nested deeper than {MAX_DEPTH} levels", "check the brackets")
        empty: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        node = Node(empty, self._place(event), closed=False)
        self._anchor(event, node)
        self.open.append((node, None, None))

    def _end(self, event: yaml.CollectionEndEvent) -> Node | None:
        node, _, _ = self.open.pop()
        node.closed = True
        line, column, _ = node.place
        end = event.end_mark
        if end.line + 1 == line and end.column >= column:
            node.place = (line, column, max(1, end.column + 1 - column))
        return self._put(node, event)

    def _put(self, child: Node, event: yaml.Event) -> Node | None:
        """Hang a finished node into the collection around it; the root has none."""
        if not self.open:
            return child
        parent, _, name = self.open[-1]
        parent.weight += child.weight
        if isinstance(parent.value, list):
            parent.entries[len(parent.value)] = child
            parent.value.append(child.value)
        elif name is None:
            self._fail(event, "MG114", "an alias can't be a key", "write the key out")
        else:
            parent.entries[name] = child
            parent.value[name] = child.value
            self.open[-1] = (parent, None, None)
        return None

    def _alias(self, event: yaml.AliasEvent) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            how = f'define it with "&{event.anchor}" first; if this is text, put it in quotes: "*{event.anchor}"'
            self._fail(event, "MG102", f'"*{event.anchor}" refers to nothing', how)
        if not node.closed:
            self._fail(event, "MG113", f'"*{event.anchor}" contains itself', "write the value out")
        self.unfolded += node.weight
        if self.unfolded > MAX_UNFOLDED:
            self._fail(
                event, "MG113", "the aliases in this file unfold into too much", "write the values out"
            )
        return node

    def _anchor(self, event: yaml.NodeEvent, node: Node) -> None:
        if event.anchor is not None:
            self.anchors[event.anchor] = node

    def _wants_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1][0].value, dict) and self.open[-1][2] is None

    def _check_tag(self, event: Any) -> None:
        if event.tag not in (None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))):
            how = "write the plain value; if this is text, put it in quotes"
            self._fail(event, "MG114", f'tags are not used here: "{event.tag}"', how)

    def _check_characters(self) -> None:
        found = _UNPRINTABLE.search(self.text)
        if found:
            lines = _BREAK.split(self.text[: found.start()])
            name = "NUL" if found[0] == "\0" else f"U+{ord(found[0]):04X}"
            how = "remove it; files here are plain UTF-8 text"
            place = (len(lines), len(lines[-1]) + 1, 1)
            self._fail_at(place, "MG109", f"a control character ({name}) in the text", how)

    def _place(self, event: yaml.Event) -> Place:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else 0
        if end.line > start.line:
            length = len(self.lines[start.line].rstrip()) - start.column
        return (start.line + 1, start.column + 1, max(1, length))

    def _fail(self, event: yaml.Event, code: str, message: str, help: str = "") -> NoReturn:  # noqa: A002
        self._fail_at(self._place(event), code, message, help)

    def _fail_at(self, place: Place, code: str, message: str, help: str = "") -> NoReturn:  # noqa: A002
        line, column, length = place
        source = masked(self.lines[line - 1]) if line <= len(self.lines) else ""
        _fail(Problem(code, "error", self.path, line, column, length, message, help, source))
