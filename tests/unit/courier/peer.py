"""A mail server that does what it is told, and remembers what it was told by us."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

CLOSE = "<close>"  # hang up instead of answering
SILENT = "<silent>"  # never answer
ABORT = "<abort>"  # reset the connection

Answer = str | Callable[[str], str]


@dataclass
class Arrived:
    mail: str
    rcpts: list[str] = field(default_factory=list)
    data: bytes = b""


class Peer:
    """`answers[VERB]` is one answer for ever, a list of answers one after the other, or a function of the line.

    Verbs: BANNER, EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, DOT, RSET, QUIT.
    """

    def __init__(self, *offers: str, tls: ssl.SSLContext | None = None, implicit: bool = False) -> None:
        self.offers = list(offers)
        self.answers: dict[str, Answer | list[str]] = {}
        self.arrived: list[Arrived] = []
        self.commands: list[str] = []
        self.connections = 0
        self.open = 0
        self.quits = 0
        self.tls, self.implicit = tls, implicit
        self.slow = asyncio.Event()  # cleared: reading of the message stops
        self.slow.set()
        self.started = asyncio.Event()  # a message has begun
        self.port = 0
        self.host = "127.0.0.1"
        self._server: asyncio.Server | None = None
        self._kept: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> "Peer":
        context = self.tls if self.implicit else None
        self._server = await asyncio.start_server(self._serve, host, port, ssl=context, limit=1 << 22)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]
        self._give_up_port()
        return self

    async def refuse(self) -> None:
        """Stopped until `start`; connections are refused, and no other program is given the port meanwhile."""
        await self.stop()
        self._kept = socket.socket()  # bound and not listening
        self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept.bind((self.host, self.port))

    def _give_up_port(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    async def stop(self) -> None:
        assert self._server is not None
        self._give_up_port()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        await asyncio.sleep(0)  # transports close in the next turn of the loop

    @property
    def verbs(self) -> list[str]:
        return [line.split(" ")[0].upper() for line in self.commands]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        try:
            await self._talk(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            pass  # swallowed cancels too: asyncio 3.11 reports a cancelled handler as an error
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._say(writer, "BANNER", "", "220 peer.example ESMTP")
        now = Arrived("")
        async for line in _lines(reader):
            self.commands.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "STARTTLS":
                await self._say(writer, verb, line, "220 go ahead")
                if self.tls is not None and verb not in self.answers:
                    await writer.start_tls(self.tls)
            elif verb == "DATA":
                start = await self._say(writer, verb, line, "354 go on")
                if start.startswith("354"):
                    now.data = await self._message(reader)
                    self.arrived.append(now)
                    await self._say(writer, "DOT", "", "250 2.0.0 queued as X1")
                now = Arrived("")
            elif verb == "QUIT":
                self.quits += 1
                await self._say(writer, verb, line, "221 bye")
                return
            else:
                said = await self._say(writer, verb, line, self._usual(verb))
                if verb == "MAIL" and said.startswith("2"):
                    now = Arrived(line)
                if verb == "RCPT" and said.startswith("2"):
                    now.rcpts.append(line)

    def _usual(self, verb: str) -> str:
        if verb == "EHLO":
            lines = ["peer.example", *self.offers]
            return "\r\n".join([f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"])
        return {"HELO": "250 peer.example", "AUTH": "235 2.7.0 welcome", "RSET": "250 2.0.0 ok"}.get(
            verb, "250 2.1.0 ok"
        )

    async def _say(self, writer: asyncio.StreamWriter, verb: str, line: str, usual: str) -> str:
        answer = self.answers.get(verb, usual)
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else usual
        if callable(answer):
            answer = answer(line) or usual
        if answer in (CLOSE, ABORT):
            if answer == ABORT:
                writer.transport.abort()
            raise ConnectionResetError
        if answer.endswith(CLOSE):
            writer.write(answer.removesuffix(CLOSE).encode("latin-1") + b"\r\n")
            raise ConnectionResetError
        if answer == SILENT:
            await asyncio.Event().wait()
        writer.write(answer.encode("latin-1") + b"\r\n")
        await writer.drain()
        return answer

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        """The message without its final dot, dots unstuffed."""
        self.started.set()
        seen = bytearray(b"\r\n")
        while not seen.endswith(b"\r\n.\r\n"):
            await self.slow.wait()
            chunk = await reader.read(1 << 16)
            if not chunk:
                raise ConnectionResetError
            seen += chunk
        return bytes(seen[:-3]).replace(b"\r\n..", b"\r\n.")[2:]


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        line = await reader.readuntil(b"\n")
        yield line.decode("utf-8").rstrip("\r\n")
