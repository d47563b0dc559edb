"""What a client has sent and nobody has read yet.

The session takes whole lines and whole chunks from it, so a large mail wakes the session once per 64 KiB and
not once per packet; what was read too far is put back; at STARTTLS everything is thrown away.
"""

import asyncio

CHUNK = 64 * 1024  # octets worth waking up for while a body arrives
FULL = 128 * 1024  # octets unread before the client has to wait
END = b"\r\n.\r\n"  # RFC 5321 §4.1.1.4; what stands before the first line counts as its CRLF


class GoneError(Exception):
    """The client has closed the connection, or broken it: nobody is there to be told anything."""


class LineTooLongError(Exception):
    """The line was read to its end and thrown away."""


class Wire:
    """Bytes in, in order. `transport` is set when the connection is made and again after STARTTLS."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._mark, self._plenty, self._searched = b"\n", CHUNK, 0
        self._paused = False
        self._ended = False
        self.received = 0  # octets so far: what the minimum data rate is measured by
        self.transport: asyncio.ReadTransport | None = None

    # the protocol's side
    def feed(self, data: bytes) -> None:
        self.received += len(data)
        self._buffer += data
        if self._waiter is not None:
            if len(self._buffer) >= self._plenty or self._find(self._mark, self._searched) >= 0:
                self._wake()
            else:
                self._searched = max(0, len(self._buffer) - len(self._mark) + 1)
        if len(self._buffer) > FULL and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    def end(self) -> None:
        """The client sends nothing more."""
        self._ended = True
        self._wake()

    # the session's side
    def has_line(self) -> bool:
        return b"\n" in self._buffer

    def empty(self) -> bool:
        return not self._buffer

    async def line(self, limit: int) -> bytes:
        """The next line with its LF. LineTooLongError past `limit` octets (RFC 5321 §4.5.3.1);
        GoneError when none comes.
        """
        overlong = False
        while (end := await self._until(b"\n", limit)) < 0 or end >= limit:
            if end >= 0:
                self._drop(end + 1)
                raise LineTooLongError
            overlong = True
            self._drop(len(self._buffer))
        line = bytes(self._buffer[: end + 1])
        self._drop(end + 1)
        if overlong:
            raise LineTooLongError
        return line

    async def exactly(self, count: int) -> bytes:
        """So many octets; GoneError when they don't come."""
        await self._until(bytes(count + 1), count)  # of a mark longer than that nothing else is found first
        taken = bytes(self._buffer[:count])
        self._drop(count)
        return taken

    async def chunk(self) -> bytearray:
        """64 KiB, or less with the end of the message in it; GoneError when it was cut off."""
        await self._until(END, CHUNK)
        taken, self._buffer = self._buffer, bytearray()
        self._resume()
        return taken

    def put_back(self, data: bytes | bytearray) -> None:
        """In front of what has come since."""
        self._buffer[:0] = data

    def discard(self) -> bytearray:
        """Empty it; what was in it."""
        taken, self._buffer = self._buffer, bytearray()
        return taken

    async def _until(self, mark: bytes, plenty: int) -> int:
        """Where `mark` is, or -1 when there is no such thing within `plenty` octets."""
        if (at := self._find(mark)) >= 0 or len(self._buffer) >= plenty:
            return at
        if self._ended:
            raise GoneError
        self._mark, self._plenty = mark, plenty
        self._searched = max(0, len(self._buffer) - len(mark) + 1)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if (at := self._find(mark)) < 0 and self._ended:
            raise GoneError
        return at

    def _find(self, mark: bytes, start: int = 0) -> int:
        """Where `mark` is, or -1. Line ends are everywhere: a dot is looked for first, which is ten times as fast."""
        if mark is END:
            dot = self._buffer.find(b".", start)
            if dot < 0:
                return -1
            start = max(0, dot - len(b"\r\n"))
        return self._buffer.find(mark, start)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._resume()

    def _resume(self) -> None:
        if self._paused and len(self._buffer) <= FULL and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
