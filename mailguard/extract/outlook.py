"""Outlook's own forms of a mail: msg files, and the winmail.dat (TNEF) that others get instead of an attachment."""

from __future__ import annotations

import re
import struct
from typing import Any

import compressed_rtf
import olefile
import tnefparse

from mailguard.extract import rtf, texts
from mailguard.extract.work import Damaged, Work
from mailguard.locale import saying
from mailguard.records.content import Where

# [MS-OXMSG] 2.1: __substg1.0_ and the property's number and type
_SUBJECT, _BODY, _HTML, _RTF = "0037", "1000", "1013", "1009"
_HEADER = ("0037", "0C1A", "0C1F", "0E04", "0E03", "0E02", "007D")
_LONG_NAME, _SHORT_NAME, _DATA = "3707", "3704", "3701"
_ATTACHED = re.compile(r"__attach_version1\.0_#[0-9A-F]{8}\Z", re.I)
_RECIPIENT = re.compile(r"__recip_version1\.0_#[0-9A-F]{8}\Z", re.I)
_MESSAGES = 5  # messages inside messages


def stream(work: Work, container: olefile.OleFileIO, path: list[str]) -> bytes:
    """A stream's bytes, counted."""
    try:
        data: bytes = container.openstream(path).read()
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise Damaged(saying("a stream in it cannot be read ({error})", error=type(error).__name__)) from None
    work.spend(len(data))
    return data


def read(work: Work, container: olefile.OleFileIO) -> None:
    """A msg file."""
    _message(work, container, [], 0)


def _message(work: Work, container: olefile.OleFileIO, at: list[str], depth: int) -> None:
    if depth > _MESSAGES:
        raise Damaged(saying("messages are nested too deeply in it"))
    found = {path[len(at)] for path in container.listdir() if path[: len(at)] == at and len(path) > len(at)}
    streams = {name[12:16].upper(): name for name in found if name.startswith("__substg1.0_")}

    def said(number: str, inside: list[str] | None = None) -> str:
        return _property(work, container, [*at, *(inside or [])], number)

    for number in _HEADER:
        work.line(said(number), Where.HEADER)
    for name in sorted(found):
        if _RECIPIENT.match(name):
            work.line(f"{said('3001', [name])} {said('39FE', [name]) or said('3003', [name])}", Where.HEADER)
    work.line(said(_BODY))
    if _HTML in streams:
        texts.html(work, stream(work, container, [*at, streams[_HTML]]))
    if _RTF in streams:
        _compressed(work, stream(work, container, [*at, streams[_RTF]]))
    for name in sorted(found):
        if _ATTACHED.match(name):
            _attachment(work, container, [*at, name], depth)


def _attachment(work: Work, container: olefile.OleFileIO, at: list[str], depth: int) -> None:
    name = _property(work, container, at, _LONG_NAME) or _property(work, container, at, _SHORT_NAME)
    if container.exists([*at, f"__substg1.0_{_DATA}0102"]):
        work.inside(name, stream(work, container, [*at, f"__substg1.0_{_DATA}0102"]))
    elif container.exists([*at, f"__substg1.0_{_DATA}000D"]):
        _message(work, container, [*at, f"__substg1.0_{_DATA}000D"], depth + 1)


def _property(work: Work, container: olefile.OleFileIO, at: list[str], number: str) -> str:
    for kind, codec in (("001F", "utf-16-le"), ("001E", "cp1252")):
        path = [*at, f"__substg1.0_{number}{kind}"]
        if container.exists(path):
            return stream(work, container, path).decode(codec, "replace").strip("\0")
    return ""


def tnef(work: Work, data: bytes) -> None:
    """A winmail.dat: the text that only Outlook shows, and the files."""
    try:
        message: Any = tnefparse.TNEF(data, do_checksum=False)
        rich = getattr(message, "_rtfbody", None)
    except Exception as error:
        raise Damaged(saying("it breaks off ({error})", error=type(error).__name__)) from None
    for part in (*message.msgprops, *message.mapiprops):
        if isinstance(part.data, str):
            work.line(part.data, Where.HEADER)
    for body, reader in ((message.body, texts.plain), (message.htmlbody, texts.html), (rich, _compressed)):
        if body:
            reader(work, body.encode() if isinstance(body, str) else _joined(body))
    for attached in message.attachments:
        work.inside(_named(attached), _joined(attached.data))


def _named(attached: Any) -> str:
    try:
        return str(attached.long_filename()).strip("\0")
    except (UnicodeDecodeError, AttributeError, TypeError):
        return str(getattr(attached, "_name", b"").decode("cp1252", "replace")).strip("\0")


def _joined(data: Any) -> bytes:
    return bytes(data[0]) if isinstance(data, list) and data else bytes(data or b"")


def _compressed(work: Work, data: bytes) -> None:
    """[MS-OXRTFCP]: its header says how much it unpacks to."""
    if len(data) < 16 or struct.unpack_from("<I", data, 4)[0] > work.member:  # noqa: PLR2004
        raise Damaged(saying("its formatted text is too long or breaks off"))
    try:
        plain = compressed_rtf.decompress(data)
    except Exception as error:
        raise Damaged(saying("its formatted text breaks off ({error})", error=type(error).__name__)) from None
    work.spend(len(plain))
    work.text("\n")
    rtf.read(work, plain)
