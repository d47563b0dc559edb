"""One connection, line by line: commands out, replies in, in order, so that commands can be pipelined.

aiosmtplib opens the connection (greeting, EHLO, TLS, login); from then on this protocol has the transport. It
replaces aiosmtplib's own, which waits for every reply before the next command and holds whole messages.
"""

import asyncio
import re
import ssl
from collections import deque
from dataclasses import dataclass

from mailguard.courier.reply import heard
from mailguard.errors import TemporaryFailure
from mailguard.locale import N_
from mailguard.records import Reply

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_LONGEST_LINE = 8192  # bytes
_LONGEST_REPLY = 32768  # bytes, all lines together
_MOST_REPLIES = 4096  # unread: more than any pipeline of ours has asked for
SLOWEST = 4096  # bytes a second: a peer that takes less on the whole is left
WRITE_BUFFER = 1 << 17  # bytes waiting in the transport before a writer has to wait


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that are borne, by phase (RFC 5321 §4.5.3.2). A short `dot` makes duplicates.

    The last two bound the whole, so that a peer which always does a little can't keep a mail for ever.
    """

    connect: float = 30
    greeting: float = 300
    command: float = 300
    data: float = 120
    block: float = 180
    dot: float = 600
    opening: float = 1800  # for a session with any host of the destination, however many are tried
    transaction: float = 3600  # from MAIL to the final dot, and `SLOWEST` for the message's bytes besides


NONSENSE = N_("{host} does not speak SMTP: {what}")


class Broken(TemporaryFailure):
    """The connection is of no use any more: lost, silent, or speaking nonsense."""


class Wire(asyncio.Protocol):
    """Takes over an open transport. For one task at a time; after any error or cancel: `abort`."""

    def __init__(self, transport: asyncio.Transport, remote: str) -> None:
        self.remote = remote
        self._transport = transport
        self._loop = asyncio.get_running_loop()  # asking is a system call each time
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._length = 0  # of a reply that is still coming in
        self._replies: deque[Reply] = deque()
        self._error: Broken | None = None
        self._paused = False
        self._until: float | None = None  # of the loop's clock, as the next two
        self._ends = self._fires = 0.0  # when patience ends, and when the timer looks whether it has
        self._timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        transport.set_protocol(self)
        if transport.is_closing():
            self._error = self._lost()

    # --- what the transport tells us ---
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0 and self._error is None:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            self._take(line)
        if len(self._buffer) > _LONGEST_LINE:
            self._nonsense("a line without end")

    def _take(self, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is None or len(line) > _LONGEST_LINE:
            self._nonsense(repr(line[:60])[1:])
            return
        self._lines.append(found[3] or b"")
        self._length += len(line)
        if found[2] == b"-":
            if self._length > _LONGEST_REPLY:
                self._nonsense("a reply without end")
            return
        text = b"\n".join(self._lines).decode("utf-8", "replace")
        self._lines.clear()
        self._length = 0
        self._replies.append(heard(int(found[1]), text, self.remote))
        if len(self._replies) > _MOST_REPLIES:
            self._nonsense("replies to nothing")
        _wake(self._reader)

    def _nonsense(self, what: str) -> None:
        self._fail(Broken(NONSENSE, enhanced="4.5.0", host=self.remote, what=what))
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(self._lost(exc))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        _wake(self._writer)

    def _lost(self, exc: Exception | None = None) -> Broken:
        detail = f" ({exc})" if exc else ""
        return Broken(N_("{host} closed the connection{detail}"), enhanced="4.4.2", host=self.remote, detail=detail)

    def _fail(self, error: Broken) -> None:
        self._error = self._error or error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        _wake(self._reader)
        _wake(self._writer)

    # --- what we do ---
    @property
    def silent(self) -> bool:
        """Open, and nothing said that was not asked for: fit for another transaction."""
        return self._error is None and not self._replies and not self._buffer and not self._lines

    @property
    def spoken(self) -> bool:
        """A reply is there, or the end: nothing more needs to be written."""
        return bool(self._replies) or self._error is not None

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The connection's TLS, if it has any."""
        found: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        return found

    def limit(self, seconds: float | None) -> None:
        """All that follows must be over within `seconds`; None: each step has only its own time."""
        self._until = None if seconds is None else self._loop.time() + seconds

    def _allow(self, seconds: float) -> None:
        """A waiter has so long, then a TimeoutError. One timer does for many: it moves on when it fires too early."""
        ends = self._loop.time() + seconds
        self._ends = ends if self._until is None else min(ends, self._until)
        if self._timer is None or self._fires > self._ends:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires = self._ends
        self._timer = self._loop.call_at(self._ends, self._look)

    def _look(self) -> None:
        self._timer = None
        waiter = self._reader or self._writer
        if waiter is None or waiter.done():
            return
        if self._loop.time() >= self._ends:
            waiter.set_exception(TimeoutError())
        else:
            self._set_timer()

    def _late(self, words: str, **values: str) -> Broken:
        if self._until is not None and self._loop.time() >= self._until:
            words = N_("{host} was so slow that the mail would have kept it busy for hours")
        return Broken(words, code=None, enhanced="4.4.2", host=self.remote, **values)

    def ask(self, command: bytes) -> None:
        """Write a command. Broken when something was said before it: the replies would be taken for one another."""
        if self._replies:
            said = self._replies[0]
            raise Broken(
                N_("{host} spoke without being asked: {reply}"), enhanced="4.5.0", host=self.remote, reply=str(said)
            )
        self.write(command)

    def write(self, data: bytes) -> None:
        """Hand over to the transport, which may buffer: `drain` before the next large piece."""
        if self._error is not None:
            raise self._error
        self._transport.write(data)

    async def drain(self, seconds: float) -> None:
        """Return when the peer has taken enough for more to be written; Broken after `seconds` without.

        Others have a turn in any case: a large mail to a fast peer must not keep the loop to itself.
        """
        if self._error is None:
            self._writer = self._loop.create_future()
            if not self._paused:
                self._loop.call_soon(_wake, self._writer)
            self._allow(seconds)
            try:
                await self._writer
            except TimeoutError:
                raise self._late(N_("{host} took no data for {seconds} s"), seconds=f"{seconds:g}") from None
            finally:
                self._writer = None
        if self._error is not None and not self._replies:
            raise self._error

    async def reply(self, seconds: float, to: str) -> Reply:
        """The next reply in order; Broken when none comes within `seconds`."""
        if not self._replies and self._error is None:
            self._reader = self._loop.create_future()
            self._allow(seconds)
            try:
                await self._reader
            except TimeoutError:
                words = N_("{host} did not answer {command} within {seconds} s")
                raise self._late(words, command=to, seconds=f"{seconds:g}") from None
            finally:
                self._reader = None
        if self._replies:
            return self._replies.popleft()
        raise self._error or self._lost()

    def quit(self) -> None:
        """Take leave without waiting for the answer."""
        if self._error is None:
            self._transport.write(b"QUIT\r\n")
        self._transport.close()

    def abort(self) -> None:
        """Drop the connection and whatever is still unsent."""
        self._fail(self._lost())
        self._transport.abort()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
