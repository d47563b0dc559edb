"""A next hop that misbehaves on command: `peer.Peer`, and what no honest server does."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from tests.unit.courier.peer import Peer

Trick = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PHASES = ("BANNER", "EHLO", "MAIL", "RCPT", "DATA", "DOT")


class BadHop(Peer):
    """`tricks[VERB]` takes the place of the answer, and the connection ends after it unless it is in `goes_on`.

    `inside`: a trick played in the middle of a message. `reused` counts mails begun on a connection that had a trick.
    """

    def __init__(self, *offers: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(*offers, tls=tls)
        self.tricks: dict[str, Trick] = {}
        self.goes_on: set[str] = set()
        self.inside: Trick | None = None
        self.tricked: set[asyncio.StreamWriter] = set()
        self.reused = 0
        self.played = 0
        self._readers: dict[asyncio.StreamWriter, asyncio.StreamReader] = {}
        self._writers: dict[asyncio.StreamReader, asyncio.StreamWriter] = {}

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Peer:
        """On `port`, or where it was before."""
        return await super().start(host, port or self.port)

    def behave(self) -> None:
        """From now on a good server."""
        self.tricks.clear()
        self.answers.clear()
        self.inside = None

    async def _say(self, writer: asyncio.StreamWriter, verb: str, line: str, usual: str) -> str:
        if verb == "MAIL" and writer in self.tricked:
            self.reused += 1
        trick = self.tricks.get(verb)
        if trick is None:
            said = await super()._say(writer, verb, line, usual)
            if verb == "DOT" and not said.startswith("2"):
                self.arrived.pop()  # a mail that was refused has not arrived
            return said
        self.played += 1
        self.tricked.add(writer)
        await trick(self._readers[writer], writer)
        if verb not in self.goes_on:
            raise ConnectionResetError
        return usual

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._readers[writer] = reader
        self._writers[reader] = writer
        try:
            await super()._talk(reader, writer)
        finally:
            del self._readers[writer], self._writers[reader]

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        if self.inside is None:
            return await super()._message(reader)
        self.played += 1
        self.started.set()
        self.tricked.add(self._writers[reader])
        await reader.read(100)
        await self.inside(reader, self._writers[reader])
        raise ConnectionResetError


def says(text: bytes) -> Trick:
    """These bytes, whatever they are."""

    async def trick(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return trick


async def fin(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hangs up."""
    writer.close()


async def rst(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets the connection."""
    writer.transport.abort()


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Waits until the other side has had enough."""
    while await reader.read(1 << 16):
        pass


def drip(text: bytes, pause: float) -> Trick:
    """One byte at a time, again and again, until the other side has had enough."""

    async def trick(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(100_000):
            writer.write(text[number % len(text)].to_bytes())
            await writer.drain()
            await asyncio.sleep(pause)

    return trick


def flood(piece: bytes, size: int) -> Trick:
    """So many bytes of reply, as fast as they are taken."""

    async def trick(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        block = piece * max(1, (1 << 16) // len(piece))
        for _number in range(size // len(block)):
            writer.write(block)
            await writer.drain()

    return trick


def sips(pause: float) -> Trick:
    """Reads a byte now and then."""

    async def trick(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._limit = 1  # type: ignore[attr-defined]  # what is not read stays with the sender
        while await reader.read(4096):  # noqa: ASYNC110 - slowness is the point
            await asyncio.sleep(pause)

    return trick
