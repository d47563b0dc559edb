"""The body of a mail: found end, checked line ends, dots unstuffed, hashed; 64 KiB and more at a time.

No loop over lines: every look at the bytes is one of C's. Only CR LF . CR LF ends a mail; a mail with a bare CR,
a bare LF or a NUL is read to that real end and refused, so nothing can be smuggled behind a sloppy end.
Memory: one growing buffer, and the chunk at hand.
"""

import hashlib

from mailguard.errors import PermanentFailure, SmtpError
from mailguard.records import Spool
from mailguard.smtpd.bodies import Bodies, Body
from mailguard.smtpd.wire import END, Wire

LINE = 64 * 1024  # octets without CR LF that are accepted; RFC 5321 §4.5.3.1.6 says 1000, real clients don't
_VIRTUAL = b"\r\n"  # what DATA's own line ended with: it makes the first line like every other


async def receive(wire: Wire, limit: int, body: Body | None = None) -> Spool:
    """One message after the 354, whatever it is read to its real end.

    PermanentFailure: 552 5.3.4 over `limit` octets, 554 5.6.0 for bytes no mail may have.
    TemporaryFailure 452 4.3.1 when `body` may not grow. GoneError when the client went away before the end.
    """
    scanner = Scanner(limit, body)
    wire.put_back(_VIRTUAL)
    while not scanner.done:
        # failpoint: smtpd.receiving
        wire.put_back(scanner.feed(await wire.chunk()))
    return scanner.spool()


class Scanner:
    """Fed with what arrives, in pieces of any size."""

    def __init__(self, limit: int, body: Body | None = None) -> None:
        self._limit = limit
        self._body = body or Body(Bodies(), limit)
        self._raw = bytearray()
        self._hash = hashlib.sha256()
        self._size = 0
        self._column = 0  # octets since the last line end
        self._begun = False
        self._refusal: SmtpError | None = None
        self.done = False

    def feed(self, data: bytearray) -> bytearray:
        """Returns what is not consumed: the start of a possible end, or what follows the end."""
        stuffed = data.find(b"\r\n.") if b"." in data else -1  # most large mail is base64, which has no dots
        end = data.find(END, stuffed) if stuffed >= 0 else -1
        if end >= 0:
            self.done = True
            rest = data[end + len(END) :]
            del data[end + len(_VIRTUAL) :]
        else:
            end = len(data)
            cut = data.find(b"\r", max(0, end - len(END) + 1))
            rest = data[cut:] if cut >= 0 else bytearray()
            del data[end - len(rest) :]
        if data:
            self._take(data, stuffed=0 <= stuffed < end)
        return rest

    def spool(self) -> Spool:
        if self._refusal is not None:
            raise self._refusal
        return Spool(self._raw, self._hash.digest())

    def _take(self, piece: bytearray, *, stuffed: bool) -> None:
        if self._refusal is None:
            self._refusal = self._wrong(piece)
        if stuffed:
            piece = piece.replace(b"\r\n.", b"\r\n")
        if not self._begun:
            self._begun = True
            del piece[: len(_VIRTUAL)]
        self._size += len(piece)
        if self._size > self._limit:
            self._refusal = too_big(self._limit)
        self._refusal = self._refusal or self._body.grow(len(piece))
        if self._refusal is not None:
            self._raw = bytearray()
            self._body.release()
            return
        self._hash.update(piece)
        if self._raw:
            self._raw += piece
        else:
            self._raw = piece

    def _wrong(self, piece: bytearray) -> PermanentFailure | None:
        # Of CR and LF together there are twice as many as pairs of them: two looks at the bytes instead of three
        if len(piece) - len(piece.translate(None, b"\r\n")) != 2 * piece.count(b"\r\n"):
            return _refuse("a bare CR or LF in the message: lines end in CR LF (RFC 5321 2.3.8)")
        if 0 in piece:
            return _refuse("a NUL character in the message")
        if self._overlong(piece):
            return _refuse(f"a line longer than {LINE} octets in the message")
        return None

    def _overlong(self, piece: bytearray) -> bool:
        """Jumps to the last line end within reach, again and again: few steps, however many lines."""
        start = -self._column  # where the current line began
        while len(piece) - start > LINE + 2:
            last = piece.rfind(b"\r\n", max(start, 0), start + LINE + 2)
            if last < 0:
                return True
            start = last + 2
        last = piece.rfind(b"\r\n", max(start, 0))
        self._column = len(piece) - (last + 2 if last >= 0 else start)
        return self._column > LINE


def _refuse(why: str) -> PermanentFailure:
    return PermanentFailure(why, code=554, enhanced="5.6.0")


def too_big(limit: int) -> PermanentFailure:
    return PermanentFailure(f"larger than the {limit} octets accepted here", code=552, enhanced="5.3.4")
