"""Attached files: whatever their bytes, their readers come to an end, and say so in a fact."""

from mailguard.extract import dispatch
from mailguard.extract.limits import Limits
from mailguard.records import Where
from tests.fuzz.target import target

LIMITS = Limits(characters=1 << 20, files=200, unpacked=16 << 20, member=4 << 20)


@target(
    "files",
    "any bytes are read, or said to be damaged, within limits",
    [
        b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", bytes(18), b"[Content_Types].xml", b"word/document.xml",
        b"mimetypeapplication/vnd.oasis.opendocument.text", b"content.xml", b"\x14\x00\x00\x00\x08\x00",
        b"7z\xbc\xaf\x27\x1c\x00\x04", b"\x17\x06", b"\x01\x04\x06", b"\x07\x0b\x01",
        b"\x23\x03\x01\x01", b"\x21\x21\x01",
        b"\x1f\x8b\x08\x00", b"BZh9", b"\xfd7zXZ\x00", b"%PDF-1.7\n", b"1 0 obj<</Type/Page>>endobj\n", b"trailer<<>>",
        b"xref\n", b"stream\n", b"{\\rtf1\\ansi", b"\\u-10179?", b"\\'e9", b"{\\*\\annotation ",
        b"{\\fonttbl{\\f0\\fcharset238",
        b"\\bin99999 ", b"}", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x78\x9f\x3e\x22", b"\x02\x0f\x80\x06\x00",
        b"\x01\x07\x90\x06\x00", b"MIME-Version: 1.0\r\nFrom: a@b\r\nTo: c@d\r\n\r\n", b"BEGIN:VCALENDAR\r\n",
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", b"<?xml version='1.0'?>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"<html><!-- ", b"-->", b"\xff\xfe", b"\x00" * 32, b"\xff" * 16, b"ustar",
    ],
)  # fmt: skip
def files(data: bytes) -> None:
    said: list[str] = []

    def tell(text: str, where: Where, path: str) -> None:
        assert isinstance(where, Where)
        assert len(text) <= 1 << 16
        text.encode()
        path.encode()
        said.append(text)

    for name in ("a.bin", "a.eml", "a.p7m"):
        found = dispatch.read(name, "", data, LIMITS, tell)
        assert found[0].path == ""
        assert all(len(file.path) < 10_000 and file.kinds for file in found)
    assert sum(map(len, said)) <= 3 * LIMITS.characters
