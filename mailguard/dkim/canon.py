"""A mail in the form that is signed (RFC 6376 §3.4): what relays may do to blanks and line ends does not matter."""

import hashlib

from mailguard.mail.fields import Field

_BLOCK = 1 << 15  # line ends that are hashed at once


def relaxed(head: bytes, field: Field) -> bytes:
    """A header field in the relaxed form, with its line end."""
    value = _squeezed(head[field.value : field.end].replace(b"\r\n", b""))
    return b"%s:%s\r\n" % (field.name.encode(), value.strip(b" "))


def simple(head: bytes, field: Field) -> bytes:
    """A header field as it is."""
    return head[field.start : field.end]


class BodyHash:
    """SHA-256 of a body in the relaxed form. The body comes in pieces; no more of it is kept than two octets."""

    def __init__(self) -> None:
        self._seen = hashlib.sha256()
        self._held = b""
        self._line_ends = 0  # not hashed yet: those at the end of the body don't count
        self._any = False

    def update(self, piece: bytes) -> None:
        """The next octets as they leave, before dots are doubled."""
        data = _squeezed(self._held + piece).replace(b" \r\n", b"\r\n")
        stop = len(data) - data.endswith(b"\r")
        stop -= data.endswith(b" ", 0, stop)
        self._held = data[stop:]  # the next piece may make a line end of it
        end = stop
        while data.endswith(b"\r\n", 0, end):
            end -= 2
        if end:
            self._flush()
            self._seen.update(memoryview(data)[:end])
            self._any = True
        self._line_ends += (stop - end) // 2

    def digest(self) -> bytes:
        """Of all that came; the message ends with a line end, which the courier adds where there is none."""
        if self._held.endswith(b"\r"):  # no line end followed
            self._flush()
            self._seen.update(self._held)
            self._any = True
        if self._any:
            self._seen.update(b"\r\n")
        return self._seen.digest()

    def _flush(self) -> None:
        while self._line_ends:
            several = min(self._line_ends, _BLOCK)
            self._seen.update(b"\r\n" * several)
            self._line_ends -= several


def _squeezed(data: bytes) -> bytes:
    """Each run of blanks and tabs as one blank; each look halves the runs."""
    data = data.replace(b"\t", b" ")
    while b"  " in data:
        data = data.replace(b"  ", b" ")
    return data
