"""Content-Transfer-Encoding (RFC 2045 §6): decoded a piece at a time, and sizes told without decoding."""

import binascii
import re
import sys
from collections.abc import Iterator

import pybase64

Raw = bytes | bytearray
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))
_RUN = re.compile(rb"[^=]+")
_PIECE = 96 * 1024
_ENCODED = ("base64", "quoted-printable")
_OVERLONG = re.compile(rb"[^\r\n]{999}")


def decode(raw: Raw, start: int, end: int, encoding: str, limit: int) -> bytes:
    """At most `limit` decoded bytes; malformed input gives what can be read of it, an unknown encoding the bytes."""
    if encoding not in _ENCODED:
        return bytes(memoryview(raw)[start : min(end, start + limit)])
    return b"".join(pieces(raw, start, end, encoding, limit))[:limit]


def pieces(raw: Raw, start: int, end: int, encoding: str, limit: int = sys.maxsize) -> Iterator[bytes]:
    """The same a piece at a time, and somewhat more than `limit`: a large file need not be in memory twice."""
    if encoding == "base64":
        yield from _base64(raw, start, end, limit)
    elif encoding == "quoted-printable":
        yield from _printable(raw, start, end, limit)
    else:
        end = min(end, start + limit)
        yield from (bytes(raw[at : min(end, at + _PIECE)]) for at in range(start, end, _PIECE))


def size(raw: Raw, start: int, end: int, encoding: str) -> int:
    """Decoded bytes, exact where the encoding is regular; costs a scan for line ends, no decoding."""
    if encoding == "quoted-printable":
        soft = raw.count(b"=\r\n", start, end)
        bare = raw.count(b"=\n", start, end)
        return end - start - 3 * soft - 2 * bare - 2 * (raw.count(b"=", start, end) - soft - bare)
    if encoding != "base64":
        return end - start
    digits = end - start - raw.count(b"\n", start, end) - raw.count(b"\r", start, end)
    padding = raw.count(b"=", max(start, end - 8), end)
    return max(0, (digits - padding) * 3 // 4)


def tail(raw: Raw, start: int, end: int, encoding: str, count: int) -> bytes:
    """About the last `count` decoded bytes (base64: if every line is whole, as everybody writes it)."""
    if encoding != "base64":
        return decode(raw, max(start, end - count), end, encoding, count)
    line = raw.find(b"\n", max(start, end - count * 4 // 3), end)
    return decode(raw, line + 1 if line >= 0 else start, end, encoding, 2 * count)


def _base64(raw: Raw, start: int, end: int, limit: int) -> Iterator[bytes]:
    rest, got = b"", 0
    while start < end and got < limit:
        stop = min(end, start + min(_PIECE, (limit - got) * 4 // 3 + 1024))
        digits = rest + raw[start:stop].translate(None, _NOT_BASE64)
        start = stop
        keep = len(digits) % 4 if start < end else 0
        rest = digits[len(digits) - keep :]
        piece = _digits(digits[: len(digits) - keep])
        got += len(piece)
        yield piece


def _digits(digits: bytes) -> bytes:
    try:
        return pybase64.b64decode(digits, validate=True)
    except binascii.Error:  # several encoded pieces behind each other, or one cut short
        runs = (run if len(run) % 4 != 1 else run[:-1] for run in _RUN.findall(digits))
        return b"".join(binascii.a2b_base64(run + b"=" * (-len(run) % 4)) for run in runs)


def _printable(raw: Raw, start: int, end: int, limit: int) -> Iterator[bytes]:
    got = 0
    while start < end and got < limit:
        stop = min(end, start + _PIECE)
        if stop < end:  # cut behind a line, so that no escape is torn
            line = raw.rfind(b"\n", start, stop)
            stop = line + 1 if line >= start else stop
        piece = binascii.a2b_qp(raw[start:stop])
        got += len(piece)
        start = stop
        yield piece


def portable(raw: bytes | bytearray) -> bool:
    """Whether any server takes it: ASCII, and no line over 998 octets (RFC 5321 §4.5.3.1.6)."""
    return raw.isascii() and _OVERLONG.search(raw) is None
