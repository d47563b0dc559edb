"""odt, ods, odp and their embedded objects: text, notes, comments, hidden sheets and slides, deleted text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from zipfile import ZipFile

from mailguard.extract import markup
from mailguard.extract.ooxml import opened
from mailguard.extract.work import Locked, Work
from mailguard.records.content import Where

_TEXT = re.compile(r"(?:\A|/)(?:content|styles|meta)\.xml\Z")
_SCRIPT = re.compile(r"\A(?:Basic|Scripts)/.+/(?!script-l[bc]|dialog-l[bc])[^/]+\Z")
_EMBEDDED = re.compile(r"\A(?:Object|ObjectReplacements|Obj)[^/]*\Z")
_ENCRYPTED = b"encryption-data"
# Elements whose words stand elsewhere than in the text around them
_INTO = {
    "annotation": Where.COMMENT,
    "note-body": Where.NOTES,
    "notes": Where.NOTES,
    "tracked-changes": Where.HIDDEN,
    "hidden-text": Where.HIDDEN,
    "meta": Where.METADATA,
    "header": Where.HEADER,
    "footer": Where.HEADER,
    "header-left": Where.HEADER,
    "footer-left": Where.HEADER,
    "header-first": Where.HEADER,
    "footer-first": Where.HEADER,
    "header-decl": Where.HEADER,
    "footer-decl": Where.HEADER,
    "master-page": Where.HEADER,
    "title": Where.METADATA,
    "desc": Where.METADATA,
}
_BREAKS = frozenset({"p", "h", "table-row", "line-break", "creator", "date"})
_SAYS = ("string-value", "formula", "href", "condition")  # attributes that hold what nobody sees
_GAPS = frozenset({"tab", "table-cell", "s"})


def read(work: Work, data: bytes) -> None:
    """The document and the objects embedded in it. Locked when it has a password."""
    with opened(data) as archive:
        names = archive.namelist()
        if "META-INF/manifest.xml" in names and _ENCRYPTED in markup.whole(archive, "META-INF/manifest.xml", work):
            raise Locked
        work.sheet.macros = any(map(_SCRIPT.match, names))
        for name in names:
            if _TEXT.search(name):
                markup.walk(markup.member(archive, name, work), _Part(work))
                work.end()
            elif _EMBEDDED.match(name) and not name.startswith("ObjectReplacements"):
                _embedded(work, archive, name)


def _embedded(work: Work, archive: ZipFile, name: str) -> None:
    work.inside(name, markup.whole(archive, name, work))


class _Part:
    """Where we are: a stack with a place for every open element; None where nothing changes."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._where = [Where.BODY]
        self._hidden: set[str] = set()  # names of styles that hide what has them
        self._style = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        here = self._where[-1]
        self._where.append(here if here is Where.HIDDEN else self._place(name, attributes, here))
        if name == "style":
            self._style = attributes.get("name", "")
        elif self._hides(name, attributes):
            self._hidden.add(self._style)
        elif name in ("table", "page", "section", "bookmark-start"):
            if not attributes.get("name", "").startswith("_"):
                self._work.line(attributes.get("name", ""), Where.METADATA)
        elif name in _GAPS:
            self._work.text(" " if name == "s" else "\t", self._where[-1])
        for key in _SAYS:
            if key in attributes:
                self._said(key, attributes[key], name)

    def end(self, name: str) -> None:
        where = self._where.pop()
        if name in _BREAKS or where is Where.METADATA:
            self._work.text("\n", where)

    def text(self, text: str) -> None:
        self._work.text(text, self._where[-1])

    def _said(self, key: str, value: str, name: str) -> None:
        if key == "href" and not value.startswith(("http", "mailto", "ftp", "file")):
            return
        if name == "hidden-paragraph" and key == "condition":
            return
        where = self._where[-1] if key in ("string-value", "formula") else Where.METADATA
        self._work.line(value, where)

    def _hides(self, name: str, attributes: Mapping[str, str]) -> bool:
        return (
            (name == "table-properties" and attributes.get("display") == "false")
            or (name == "drawing-page-properties" and attributes.get("visibility") == "hidden")
            or (name == "text-properties" and attributes.get("display") == "none")
        )

    def _place(self, name: str, attributes: Mapping[str, str], here: Where) -> Where:
        if attributes.get("style-name", "") in self._hidden and self._hidden:
            return Where.HIDDEN
        if attributes.get("visibility") in ("collapse", "filter") or attributes.get("is-hidden") == "true":
            return Where.HIDDEN
        if name == "section" and attributes.get("display") in ("none", "condition"):
            return Where.HIDDEN
        return _INTO.get(name, here)
