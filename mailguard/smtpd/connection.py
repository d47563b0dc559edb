"""One connection: aiosmtpd's protocol with our own reading, limits, time-outs and replies.

What is kept of aiosmtpd is its connection: transport, writer, one task per client, `smtp_*` methods. What is
replaced, and why, is in tests/unit/smtpd/test_aiosmtpd.py, one test for each trap.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, cast

from aiosmtpd.smtp import SMTP

from mailguard.errors import PermanentFailure, SmtpError, TemporaryFailure
from mailguard.mail.peer import plain_address
from mailguard.smtpd import proxy
from mailguard.smtpd.floor import Floor
from mailguard.smtpd.gate import trusted
from mailguard.smtpd.login import AUTH_LINE
from mailguard.smtpd.settings import Tls
from mailguard.smtpd.wire import GoneError, LineTooLongError, Wire

logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd writes command lines and replies to it

COMMAND_LINE = 4096  # octets: RFC 5321's 512 and all extensions' parameters
HANDSHAKE = 30.0  # seconds for TLS
PARTING = 30.0  # seconds for a client to take its last reply, and to end TLS
REPLIES = 100  # to pipelined commands that are kept back to go out together
RATE_WINDOW = 60.0  # seconds over which the minimum data rate is measured
NEVER = float("inf")
SHUTTING_DOWN = "421 4.3.2 the server is shutting down: try again in a moment"
_SYNTAX_ERRORS = range(500, 505)
_LOGGED = (b"MAIL", b"RCPT", b"DATA")
_PROXY = (b"PROXY", b"\0")  # how the second line of a header of version 2 reads
_OTHER_PROTOCOLS = (b"GET", b"POST", b"PUT", b"CONNECT", b"HOST:")

Verb = Callable[[Any, str], Awaitable[None]]


class GoodbyeError(TemporaryFailure):
    """The session ends with this reply."""

    code = 421
    enhanced = "4.7.0"


class Connection(SMTP):
    """One client. The server calls `sweep` once a second and `shut_down` when it stops."""

    VERBS: ClassVar[dict[bytes, Verb]] = {}
    _paused: bool  # asyncio's: the transport keeps so much of what was written that it takes no more

    def __init_subclass__(cls) -> None:
        """Verbs are looked up in a table, made once and not per connection."""
        cls.VERBS = {name[5:].encode(): getattr(cls, name) for name in dir(cls) if name.startswith("smtp_")}

    def __init__(self, floor: Floor, loop: asyncio.AbstractEventLoop, ended: Callable[["Connection"], None]) -> None:
        # SMTP.__init__ would look our own name up in DNS, and inspect every method for every connection.
        asyncio.StreamReaderProtocol.__init__(self, None, self._cb_client_connected, loop)  # type: ignore[arg-type]
        self.loop, self.floor, self._ended = loop, floor, ended
        self.transport = self._original_transport = None  # aiosmtpd's; its STARTTLS is not used
        self._link: asyncio.Transport  # set when the connection is made and again after STARTTLS
        self.wire = Wire(loop)
        self.id = secrets.token_hex(6)
        self.peer = ""
        self.secure = False
        self.sender = ""  # of the mail in progress or the last one: for the log
        self.deadline = NEVER
        self.receiving = False  # between the 354 and the final dot
        self.committing = False  # between the final dot and its answer
        self.task: asyncio.Task[None] | None = None
        self._replies: list[bytes] = []
        self._told = 0  # octets that had come when the last replies went out
        self._proxied = False  # by a proxy that must say whom
        self.unnamed = False  # it has, and that is nobody it knows: a health check, or a client without an address
        self._entered = self._idle = self._closing = self._draining = False
        self._shaking = False  # hands, for TLS
        self._served = self._lost = False  # the task has ended; the connection is gone
        self._commands = self._errors = 0  # commands since the last mail, and how many were not understood
        self._pace = (0.0, 0)  # when, and how many octets had come by then

    def logged_in(self) -> bool:
        """Whether somebody proved who they are."""
        raise NotImplementedError

    def within_mail(self) -> bool:
        """Whether a MAIL was answered and its DATA was not."""
        raise NotImplementedError

    def forget_mail(self) -> None:
        """Take back the mail in progress."""
        raise NotImplementedError

    def went_on(self) -> None:
        """The client has said something."""
        raise NotImplementedError

    # --- the connection ---------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._link = self.wire.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(plain_address(peer[0])) if peer else ""
        proxies = self.floor.listener.proxy_from
        self._proxied = bool(proxies) and trusted(self.peer, proxies)
        if self.floor.listener.tls is Tls.IMPLICIT and not self._proxied:
            self._link.pause_reading()  # the client speaks first: its bytes are for TLS
        super().connection_made(transport)
        self.task = self._handler_coroutine

    def data_received(self, received: bytes) -> None:
        self.wire.feed(received)

    def eof_received(self) -> bool:
        """A client may close its side and wait for our answer; over TLS there is no such half."""
        self.wire.end()
        return not self.secure

    def connection_lost(self, error: Exception | None) -> None:
        """The task is not cancelled: a commit is not stopped in its middle, everything else ends at its next read."""
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self.wire.end()
        self._lost = True
        self._part()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """One sweep of the server looks at all deadlines; no timer per command."""

    async def _handle_client(self) -> None:
        try:
            if await self._introduced() and self._enter():
                await self._serve()
        except GoneError:
            pass
        except asyncio.CancelledError:
            self._say(SHUTTING_DOWN)
        except Exception as error:
            self.floor.watcher.failure("smtpd", error)
            self._say("421 4.3.0 something went wrong here: try again later")
        finally:
            self._close()
            self._served = True
            self.deadline = self.floor.clock.monotonic() + PARTING
            self._part()

    def _part(self) -> None:
        """Counted until both have ended: who doesn't take the last reply still has a socket and memory of ours."""
        if self._served and self._lost:
            if self._entered:
                self._entered = False
                self.floor.gate.leave(self.peer)
            self._ended(self)
            # Both lead back here. Without them the memory is free at once, and the next connection's: no collection.
            self._writer = self._client_connected_cb = None  # type: ignore[assignment]

    async def _introduced(self) -> bool:
        """A proxy says who its client is, before anything else; from here on that is the peer."""
        if not self._proxied:
            return True
        self.deadline = self.floor.clock.monotonic() + proxy.WITHIN
        try:
            named = await proxy.client(self.wire)
        except proxy.NoHeader as error:
            self._turn_away(f"the PROXY header that {self.peer} must send: {error}")
            return False
        self.unnamed = named is None
        self.peer = str(plain_address(named or self.peer))
        return True

    def _enter(self) -> bool:
        limits = self.floor.limits
        self._entered = self.floor.gate.enter(self.peer, limits.connections, limits.per_client)
        if not self._entered:
            self._turn_away("too many connections: try again in a moment")
        return self._entered

    def _turn_away(self, why: str) -> None:
        """Before anything was said."""
        self._refuse(GoodbyeError(why))
        if self.floor.listener.tls is Tls.IMPLICIT:
            self._replies.clear()  # a handshake is what this client waits for, not words

    async def _serve(self) -> None:
        if self.floor.listener.tls is Tls.IMPLICIT:
            self._link.pause_reading()
            await self._handshake(self.wire.discard())
        self._say(f"220 {self.floor.hostname} ESMTP mailguard")
        while not self._closing:
            self.deadline = self.floor.clock.monotonic() + self.floor.limits.idle.total_seconds()
            if self._draining and not self.within_mail():
                self._goodbye(SHUTTING_DOWN)
                break
            if len(self._replies) >= REPLIES or not self.wire.has_line():
                await self._flush()
            await self._command()
        await self._flush()

    def _close(self) -> None:
        if not self._link.is_closing():
            if self._replies:
                self._link.write(b"".join(self._replies))
            self._link.close()
        self._replies.clear()

    # --- commands and replies ---------------------------------------------------------------------------------
    async def _command(self) -> None:
        verb = b""
        try:
            line = await self._line()
            verb, _, argument = line[:-2].partition(b" ")
            await self._method(line, verb)(self, self._text(verb, argument))
        except SmtpError as error:
            self._refuse(error, logged=verb.upper() in _LOGGED)
        except GoneError:
            raise
        except Exception as error:
            self._say(await self.handle_exception(error))

    async def _line(self) -> bytes:
        """The client's next line with its line end; 500 5.5.2 when it is too long."""
        self._idle = True
        try:
            line = await self.wire.line(AUTH_LINE)
        except LineTooLongError:
            raise syntax("the line is too long") from None
        finally:
            self._idle = False
        self.went_on()
        return line

    def _method(self, line: bytes, verb: bytes) -> Verb:
        self._commands += 1
        if self._commands > self.floor.limits.commands:
            raise GoodbyeError("too many commands without a mail")
        verb = verb.upper()
        if line[-2:] != b"\r\n" or (len(line) > COMMAND_LINE and verb != b"AUTH"):
            raise syntax("lines end in CR LF" if line[-2:] != b"\r\n" else "the line is too long")
        if verb in _PROXY:
            raise GoodbyeError(f"{self.peer} is no proxy whose word is taken here (proxy_from)")
        if verb in _OTHER_PROTOCOLS:
            raise GoodbyeError("this is a mail server, not a web server")
        method = self.VERBS.get(verb)
        if method is None:
            raise syntax("no such command")
        return method

    def _text(self, verb: bytes, argument: bytes) -> str:
        try:
            return argument.strip(b" \t").decode("utf-8")
        except UnicodeDecodeError:
            if verb.upper() in _LOGGED:
                raise PermanentFailure("the address is not valid UTF-8", code=501, enhanced="5.1.3") from None
            return argument.decode("latin-1")

    async def handle_exception(self, error: Exception) -> str:
        """Never aiosmtpd's 500 with the exception's text: the mail would bounce for good, and paths would leak."""
        self.forget_mail()
        self.floor.watcher.failure("smtpd", error)
        return "451 4.3.0 something went wrong here: try again later"

    async def push(self, status: str | bytes) -> None:
        """Aiosmtpd's way of saying something."""
        self._say(status if isinstance(status, str) else status.decode())

    def _say(self, reply: str) -> None:
        self._replies.append(reply.encode("ascii", "replace") + b"\r\n")

    async def _flush(self) -> None:
        """Replies to pipelined commands go out together (RFC 2920 §3.2)."""
        if self._replies:
            replies = b"".join(self._replies)
            self._replies.clear()
            self._told = self.wire.received
            try:
                self._link.write(replies)
                if self._paused or self._lost or self._link.is_closing():
                    await self._writer.drain()
                # failpoint: smtpd.answered
            except (OSError, RuntimeError):  # uvloop: a handler that is closed
                raise GoneError from None

    def _goodbye(self, reply: str) -> None:
        self._say(reply)
        self._closing = True

    def _refuse(self, error: SmtpError, *, logged: bool = False) -> None:
        self._say(error.line)
        if logged or isinstance(error, GoodbyeError):
            self.floor.watcher.smtp_rejected(
                error.line, session_id=self.id, peer=self.peer, listener=self.floor.listener.bind, sender=self.sender
            )
        if isinstance(error, GoodbyeError):
            self._closing = True
        elif error.code in _SYNTAX_ERRORS:
            self._errors += 1
            if self._errors > self.floor.limits.errors:
                self._refuse(GoodbyeError("too many errors"))

    async def _handshake(self, early: bytearray) -> None:
        """Turn this connection into TLS; `early` is what has been read of it already."""
        self.secure = self._shaking = True
        self.deadline = self.floor.clock.monotonic() + HANDSHAKE
        upgraded: asyncio.Transport | None = None
        upgrade = self.loop.create_task(self.loop.start_tls(self._link, self, self.floor.context(), server_side=True))
        if early:
            # Two turns of the loop later, right after start_tls has connected its protocol and before any read.
            self.loop.call_soon(self.loop.call_soon, self._hand_over, early)
        try:
            upgraded = await upgrade
        except OSError:  # TimeoutError and ssl.SSLError are OSErrors
            raise GoneError from None
        finally:
            self._shaking = False
            if upgraded is None:
                self._link.abort()
                self._lost = True  # nobody tells us so before TLS is there
        if upgraded is None:
            raise GoneError
        self._link = self.wire.transport = upgraded

    def _hand_over(self, early: bytearray) -> None:
        """What came before TLS was in place. uvloop reads before it lets itself be paused: a quick client's hello."""
        protocol = cast(asyncio.BufferedProtocol, self._link.get_protocol())
        while early and not self._link.is_closing():
            room = memoryview(protocol.get_buffer(len(early)))
            taken = min(len(room), len(early))
            room[:taken] = early[:taken]
            protocol.buffer_updated(taken)
            del early[:taken]

    # --- the server's side ------------------------------------------------------------------------------------
    def sweep(self, now: float) -> None:
        """End the session when it is too slow: silent, past its deadline, or under the minimum rate."""
        too_slow = now >= self.deadline
        if self.receiving and now - self._pace[0] >= RATE_WINDOW:
            least = self.floor.limits.rate * (now - self._pace[0])
            too_slow = too_slow or self.wire.received - self._pace[1] < least
            self._pace = (now, self.wire.received)
        if not too_slow:
            return
        self.deadline = NEVER
        if not (self._closing or self._served or self._shaking):
            self._refuse(GoodbyeError("too slow: time-out"))
            self._close()
        if self._shaking or self._served or self._link.get_write_buffer_size():
            self._link.abort()  # it doesn't read either: nobody waits for the goodbye to be taken

    def shut_down(self) -> None:
        """Say goodbye now if nothing is going on, else after the mail in progress."""
        self._draining = True
        if self._idle and not self.within_mail() and self.task is not None:
            self.task.cancel()

    def _upload_begins(self) -> None:
        """From now on the whole body has a deadline and its pace a minimum; no single read has a time-out."""
        now = self.floor.clock.monotonic()
        self.deadline = now + self.floor.limits.transaction.total_seconds()
        self._pace = (now, self.wire.received)
        self.receiving = True

    def _upload_ended(self) -> None:
        self.receiving = False
        self.deadline = NEVER


def syntax(why: str, code: int = 500) -> PermanentFailure:
    """500 5.5.2 for a command nobody knows, 501 5.5.4 for an argument."""
    return PermanentFailure(why, code=code, enhanced="5.5.2" if code == 500 else "5.5.4")  # noqa: PLR2004
