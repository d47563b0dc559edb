"""docx, pptx and what Word and PowerPoint keep beside the text; the parts of a workbook are in `workbook`."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping

from mailguard.extract import markup, workbook
from mailguard.extract.work import Damaged, Work
from mailguard.locale import saying
from mailguard.records.content import Where

_TEXT = frozenset({"t", "delText", "instrText", "delInstrText", "v", "text", "f"})
_EVERY = re.compile(r"docProps/|customXml/item\d*\.xml")  # parts where every element holds text
_BREAKS = frozenset({"p", "tr", "br", "cr", "comment", "cm", "pt", "property", "item"})
_GAPS = frozenset({"tab", "tc"})
_OFF = ("0", "false", "off")
_NO_TEXT = re.compile(
    r"theme|styles|fontTable|webSettings|numbering|tableStyles|viewProps|presProps|/settings\.xml|printerSettings"
    r"|xl/(?:worksheets/sheet|sharedStrings|workbook)|chart(?:Style|Color)|/(?:style|colors)\d+\.xml"
)
_PLACES = (
    (re.compile(r"comments?", re.I), Where.COMMENT),
    (re.compile(r"/(?:header|footer)\d*\.xml|slideMasters?/|slideLayouts?/|handoutMasters?/"), Where.HEADER),
    (re.compile(r"/(?:footnotes|endnotes)\.xml|notesSlides?/|notesMasters?/"), Where.NOTES),
    (re.compile(r"docProps/|customXml/|\.rels\Z"), Where.METADATA),
    (re.compile(r"pivotCache/|externalLinks/"), Where.HIDDEN),
)
_MACROS = re.compile(r"(?:vbaProject\.bin|/macrosheets/[^/]+\.xml)\Z", re.I)
_EMBEDDED = re.compile(r"/embeddings/[^/]+\Z")


def read(work: Work, data: bytes) -> None:
    """Every part that can hold words, each with where its words stand."""
    with opened(data) as archive:
        names = archive.namelist()
        work.sheet.macros = any(map(_MACROS.search, names))
        if "xl/workbook.xml" in names:
            workbook.read(work, archive)
        for name in names:
            if _EMBEDDED.search(name):
                work.inside(name, markup.whole(archive, name, work))
            elif name.endswith((".xml", ".rels")) and not _NO_TEXT.search(name):
                markup.walk(markup.member(archive, name, work), Part(work, name))
                work.end()


def opened(data: bytes) -> zipfile.ZipFile:
    """The container; Damaged when its directory cannot be read."""
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Damaged(saying("its directory cannot be read ({error})", error=type(error).__name__)) from None


class Part:
    """One part's words."""

    def __init__(self, work: Work, name: str) -> None:
        self._work = work
        self._where = next((where for pattern, where in _PLACES if pattern.search(name)), Where.BODY)
        self._every = _EVERY.match(name) is not None
        self._links = name.endswith(".rels")
        self._open = 0  # inside how many elements that hold text
        self._hidden = self._deleted = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in _TEXT or self._every:
            self._open += 1
            self._deleted = name == "delText"
        elif name == "r":
            self._hidden = False
        elif name in ("vanish", "webHidden"):
            self._hidden = attributes.get("val", "1") not in _OFF
        elif name in ("docPr", "cNvPr"):
            for key in ("descr", "title"):
                self._work.line(attributes.get(key, ""), Where.METADATA)
        elif name == "sld" and attributes.get("show", "1") in _OFF:
            self._where = Where.HIDDEN
        elif self._links and attributes.get("TargetMode") == "External":
            self._work.line(attributes.get("Target", ""), Where.METADATA)
        elif name in ("s", "n") and self._where is Where.HIDDEN:  # what a pivot table remembers of its source
            self._work.line(attributes.get("v", ""), Where.HIDDEN)

    def end(self, name: str) -> None:
        if name in _TEXT or self._every:
            self._open -= 1
            self._deleted = False
        if name in _BREAKS or (self._every and self._open <= 1):
            self._work.text("\n", self._where)
        elif name in _GAPS:
            self._work.text("\t", self._where)

    def text(self, text: str) -> None:
        if self._open:
            self._work.text(text, Where.HIDDEN if self._hidden or self._deleted else self._where)
