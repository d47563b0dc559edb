"""The old container: doc, xls, ppt, msg, documents behind a password, and packages embedded in others."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator

import olefile

from mailguard.extract import outlook
from mailguard.extract.work import Damaged, Locked, Work
from mailguard.locale import saying
from mailguard.records.content import Where

_WIDE = re.compile(rb"(?:[\x09\x0d\x20-\x7e\xa0-\xff]\x00|[\x00-\xff][\x01-\x05]){4,}")
_NARROW = re.compile(rb"[\x09\x0d\x20-\x7e\x91-\x97\xa0-\xfe]{5,}")  # what is left out begins the next record
_CODES = re.compile(r"&[LCR]")  # left, centre and right of a header in a sheet
_STREAMS = {
    "worddocument": Where.BODY, "workbook": Where.BODY, "book": Where.BODY, "powerpoint document": Where.BODY,
    "\x05summaryinformation": Where.METADATA, "\x05documentsummaryinformation": Where.METADATA,
}  # fmt: skip
_MACROS = frozenset({"vba", "_vba_project", "_vba_project_cur", "macros"})
_SUMMARY = 16 * 1024  # bytes: behind what it says comes a picture
_PPT_LOCKED = 0xF3D1C4DF  # [MS-PPT] 2.3.2: the header token of an encrypted document
_DOC_LOCKED = 0x0100  # [MS-DOC] 2.5.2: fEncrypted
_FILEPASS = 0x002F  # [MS-XLS] 2.4.117
_RECORDS = 20  # it comes among the first


def read(work: Work, data: bytes) -> None:
    """Old documents give up their text as runs of letters: enough to find words in, in no particular order."""
    try:
        container = olefile.OleFileIO(io.BytesIO(data))
        entries = container.listdir(streams=True, storages=True)
    except (OSError, ValueError, IndexError, struct.error, TypeError) as error:
        raise Damaged(saying("its directory cannot be read ({error})", error=type(error).__name__)) from None
    with container:
        names = {step.lower() for path in entries for step in path}
        if "encryptedpackage" in names:
            raise Locked
        if "__properties_version1.0" in names:
            work.sheet.form = "msg"
            outlook.read(work, container)
            return
        work.sheet.macros = not names.isdisjoint(_MACROS)
        for path in container.listdir(streams=True, storages=False):
            _stream(work, container, path)
        work.end()


def _stream(work: Work, container: olefile.OleFileIO, path: list[str]) -> None:
    name = path[-1].lower()
    if name == "package":
        work.inside("/".join(path), outlook.stream(work, container, path))
    elif name == "\x01ole10native":
        packed = _native(outlook.stream(work, container, path))
        if packed:
            work.inside(*packed)
    elif name == "current user":
        if outlook.stream(work, container, path)[12:16] == struct.pack("<I", _PPT_LOCKED):
            raise Locked
    elif name in _STREAMS:
        data = outlook.stream(work, container, path)
        if _locked(name, data):
            raise Locked
        if _STREAMS[name] is Where.METADATA:
            data = data[:_SUMMARY]
        for text in _runs(data):
            work.line(text, _STREAMS[name])


def _locked(name: str, data: bytes) -> bool:
    if name == "worddocument":
        return len(data) > 12 and struct.unpack_from("<H", data, 10)[0] & _DOC_LOCKED != 0  # noqa: PLR2004
    if name not in ("workbook", "book"):
        return False
    at = 0
    for _ in range(_RECORDS):
        if at + 4 > len(data):
            break
        kind, length = struct.unpack_from("<HH", data, at)
        if kind == _FILEPASS:
            return True
        at += 4 + length
    return False


def _runs(data: bytes) -> Iterator[str]:
    """Letters in a row, two bytes each or one."""
    for found in _WIDE.finditer(data):
        yield _CODES.sub("\n", found[0].decode("utf-16-le", "replace").replace("\r", "\n"))
    for found in _NARROW.finditer(data):
        yield _CODES.sub("\n", found[0].decode("cp1252", "replace").replace("\r", "\n"))


def _native(data: bytes) -> tuple[str, bytes] | None:
    """[MS-OLEDS] 2.3.6 with the packager's own header in it: name and bytes of a file."""
    try:
        name, _, rest = data[6:].partition(b"\0")
        _, _, rest = rest.partition(b"\0")
        _, _, rest = rest[8:].partition(b"\0")
        (length,) = struct.unpack_from("<I", rest)
        return name.decode("cp1252", "replace"), rest[4 : 4 + length]
    except struct.error:
        return None
