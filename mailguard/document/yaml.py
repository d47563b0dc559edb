"""YAML 1.2 with a place for every node; the only importer of PyYAML.

Built from libyaml's events rather than by its composer: depth and aliases are counted before anything can
recurse or unfold. Keys are always text. A leading byte order mark is accepted; tags and merge keys are not.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml

from mailguard.document.core import scalar
from mailguard.document.problem import Problem
from mailguard.document.source import Source, fail
from mailguard.document.source import read as read_source
from mailguard.document.syntax import explain
from mailguard.document.tree import Document, Loc, Node, Place

__all__ = ["Document", "Loc", "parse", "read"]

MAX_DEPTH = 50
_TOO_DEEP = (f"nested deeper than {MAX_DEPTH} levels", "check the brackets")
MAX_UNFOLDED = 10_000  # nodes that aliases may add: generous for people, nothing for a bomb

_TAGS = (None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def read(path: Path) -> Document:
    """The document in a file. Raises ConfigError with one Problem."""
    return _Builder(read_source(path)).document()


def parse(text: str, path: str) -> Document:
    """The document in a text; `path` is what problems call it. Raises ConfigError with one Problem."""
    return _Builder(Source(text, path)).document()


class _Builder:
    """One pass over the events of one file."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.anchors: dict[str, Node] = {}
        self.open: list[Node] = []
        self.names: list[str | None] = []  # for each open mapping the key that waits for its value
        self.unfolded = 0

    def document(self) -> Document:
        root: Node | None = None
        documents = 0
        for event in self._events():
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fail(event, "MG111", "a second document starts here", 'one document a file: remove "---"')
            else:
                root = self._take(event) or root
        if root is None or root.value is None:
            how = 'it starts with "version: 1"'
            fail(Problem("MG110", "error", self.source.path, 1, 1, 1, "there is nothing in the file", how))
        if not isinstance(root.value, dict):
            kind = "a list" if isinstance(root.value, list) else "a single value"
            how = 'start with keys, like "version: 1"; a key needs a space after its ":"'
            self.source.fail(root.place, "MG112", f"expected keys and values, found {kind}", how)
        return Document(self.source.path, self.source.lines, root)

    def _events(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self.source.text, Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as error:
            line, column = _where(error)
            if line >= len(self.source.lines):  # libyaml takes the end of the last line for a line of its own
                line, column = len(self.source.lines) - 1, len(self.source.lines[-1])
            if "nesting depth" in (error.problem or ""):  # libyaml from 0.2.6 looks ahead, and counts to a thousand
                self.source.fail((line + 1, column + 1, 1), "MG113", *_TOO_DEEP)
            text = self.source.lines[line]
            indent = len(text) - len(text.lstrip(" "))
            if "start any token" in (error.problem or "") and text[indent : indent + 1] == "\t":
                column = indent
            message, how = explain(error.problem or "", text[column : column + 1], error.context or "")
            self.source.fail((line + 1, column + 1, 1), "MG102", message, how)
        except yaml.YAMLError as error:
            self.source.fail((1, 1, 1), "MG102", f"not YAML: {str(error).splitlines()[0]}")

    def _take(self, event: Any) -> Node | None:
        """Fold one event into the tree; the root when it is complete."""
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.AliasEvent):
            return self._put(self._alias(event), event)
        if isinstance(event, yaml.CollectionStartEvent):
            self._start(event)
        return self._end(event) if isinstance(event, yaml.CollectionEndEvent) else None

    def _scalar(self, event: Any) -> Node | None:
        self._check_tag(event)
        self.source.check_value(event.value, self._place(event))
        if self._wants_key():
            self._key(event)
            return None
        plain = event.implicit[0] and event.tag is None
        node = Node(scalar(event.value) if plain else event.value, self._place(event))
        return self._put(self._anchored(node, event), event)

    def _key(self, event: Any) -> None:
        node, place, name = self.open[-1], self._place(event), str(event.value)
        if name == "<<" and event.implicit[0]:
            self._fail(event, "MG114", 'merge keys ("<<") are not used here', "write the keys out")
        if name in node.keys:
            message = f'"{name}" is given in line {node.keys[name][0]} already, and again in line {place[0]}'
            self._fail(event, "MG108", message, "keep one of the two")
        node.keys[name] = place
        self.names[-1] = name

    def _start(self, event: Any) -> None:
        self._check_tag(event)
        if self._wants_key():
            how = "if this is text, put it in quotes"
            self._fail(event, "MG114", "a key must be a word, not a list or mapping", how)
        if len(self.open) >= MAX_DEPTH:
            self._fail(event, "MG113", *_TOO_DEEP)
        empty: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.open.append(self._anchored(Node(empty, self._place(event), closed=False), event))
        self.names.append(None)

    def _end(self, event: Any) -> Node | None:
        node = self.open.pop()
        self.names.pop()
        node.closed = True
        line, column, _ = node.place
        end = event.end_mark
        if end.line + 1 == line and end.column >= column:
            node.place = (line, column, max(1, end.column + 1 - column))
        return self._put(node, event)

    def _put(self, child: Node, event: Any) -> Node | None:
        """Hang a finished node into the collection around it; the root has none."""
        if not self.open:
            return child
        parent, name = self.open[-1], self.names[-1]
        parent.weight += child.weight
        if isinstance(parent.value, list):
            parent.entries[len(parent.value)] = child
            parent.value.append(child.value)
        elif name is None:
            self._fail(event, "MG114", "an alias can't be a key", "write the key out")
        else:
            parent.entries[name] = child
            parent.value[name] = child.value
            self.names[-1] = None
        return None

    def _alias(self, event: Any) -> Node:
        name = event.anchor
        node = self.anchors.get(name)
        if node is None:
            how = f'define it with "&{name}" before; if this is text, put it in quotes: "*{name}"'
            self._fail(event, "MG102", f'"*{name}" refers to nothing', how)
        if not node.closed:
            self._fail(event, "MG113", f'"*{name}" contains itself', "write the value out")
        self.unfolded += node.weight
        if self.unfolded > MAX_UNFOLDED:
            self._fail(event, "MG113", "the aliases in this file unfold into too much", "write the values out")
        return node

    def _anchored(self, node: Node, event: Any) -> Node:
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _wants_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].value, dict) and self.names[-1] is None

    def _check_tag(self, event: Any) -> None:
        if event.tag not in _TAGS:
            how = "write the plain value; if this is text, put it in quotes"
            self._fail(event, "MG114", f'tags are not used here: "{event.tag}"', how)

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column
        if end.line > start.line:
            length = len(self.source.lines[start.line].rstrip()) - start.column
        return (start.line + 1, start.column + 1, max(1, length))

    def _fail(self, event: Any, code: str, message: str, help: str) -> NoReturn:  # noqa: A002
        self.source.fail(self._place(event), code, message, help)


def _where(error: yaml.MarkedYAMLError) -> tuple[int, int]:
    """The place to mend: an unclosed quote or bracket is shown where it opens, not where the file ends."""
    mark, opened, problem = error.problem_mark, error.context_mark, error.problem or ""
    opening = "end of stream" in problem or "alphabetic" in problem or "expected ','" in problem
    if opened and opening and (mark is None or "alphabetic" in problem or mark.line != opened.line):
        mark = opened
    return (mark.line, mark.column) if mark else (0, 0)
