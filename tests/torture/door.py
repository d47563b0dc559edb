"""The front door alone: a real SmtpServer on loopback, a next room that remembers, and clients that lie."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trustme

from mailguard.smtpd.connection import Connection
from mailguard.smtpd.server import SmtpServer
from mailguard.testing import FakeClock
from tests.torture.fault import Trial
from tests.unit.smtpd.conftest import OPEN, SUBMISSION, SUBMISSIONS, internal, make_settings, write_certificate
from tests.unit.smtpd.peer import Client, Intake, Logins, Watch

ELSEWHERE = {**OPEN, "networks": ["192.0.2.0/24"]}
"""A listener whose network we aren't in."""
END = b"\r\n.\r\n"
OPENING = b"MAIL FROM:<ann@corp.example>\r\nRCPT TO:<bob@client.example>\r\nDATA\r\n"
HEAD = b"From: ann@corp.example\r\nTo: bob@client.example\r\nSubject: Offer\r\n\r\nHello Bob,\r\n"
"""A small mail, up to its last line end."""
_authority = trustme.CA()


@dataclass
class Door:
    """`intake.mails` is everything that was accepted."""

    server: SmtpServer
    intake: Intake
    clock: FakeClock
    watch: Watch
    trust: ssl.SSLContext

    async def client(self, at: int = 0, *, tls: bool = False) -> Client:
        """Connected, nothing said."""
        return await Client.connect(self.server.ports[at], self.trust if tls else None)

    async def ann(self, at: int = 0) -> Client:
        """Logged in, over TLS from the first byte."""
        client = await self.client(at, tls=True)
        await client.greet()
        assert (await client.login()).startswith("235 ")
        return client

    async def say_all(self, *packets: bytes, at: int = 0) -> list[str]:
        """Each packet is read before the next is sent; the replies up to the end of the connection, without the 220.

        Who goes on after a QUIT may lose the last of them: TCP throws away what was not read before a reset.
        """
        client = await self.client(at)
        session = next(one for one in self.server._sessions if one.within_mail() is False and not one.wire.received)
        sent = 0
        try:
            for packet in packets:
                client.send(packet)
                sent += len(packet)
                await _read(session, sent)
            said = await _all(client.reader)
        finally:
            client.close()
        return [line for line in said.decode("ascii").split("\r\n")[:-1] if line[3:4] == " "][1:]

    def nothing_broke(self) -> None:
        assert self.watch.failures == []

    def is_nowhere(self, word: bytes) -> None:
        """No mail that was accepted came from this."""
        assert not [raw for envelope, raw, _ in self.intake.mails if word in envelope.sender.encode()]


async def _read(session: Connection, octets: int) -> None:
    """Until the server has so many; thousands of times, so without the pauses of `eventually`."""
    for _ in range(1_000_000):
        if session.wire.received >= octets or session._link.is_closing():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"only {session.wire.received} of {octets} octets were read")


async def _all(reader: asyncio.StreamReader) -> bytes:
    said = b""
    with contextlib.suppress(ConnectionError):
        while more := await asyncio.wait_for(reader.read(1 << 16), 10):
            said += more
    return said


@asynccontextmanager
async def door(trial: Trial, *listeners: dict[str, Any], **settings: Any) -> AsyncIterator[Door]:
    """One listener (open to loopback), or these."""
    trouble: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: trouble.append(context))
    trust = ssl.create_default_context()
    _authority.configure_trust(trust)
    made = Door(None, Intake(), FakeClock(), Watch(), trust)  # type: ignore[arg-type]
    made.server = SmtpServer(
        make_settings(write_certificate(_authority, trial.folder), *listeners, **settings), made.intake, made.clock,
        internal=internal, notices_sender="mailguard@corp.example", watcher=made.watch, users=Logins(),
    )  # fmt: skip
    await made.server.start()
    try:
        yield made
        made.nothing_broke()
    finally:
        await made.server.stop(0)
        asyncio.get_running_loop().set_exception_handler(None)
    assert trouble == []


def stuffed(raw: bytes) -> bytes:
    """As a mail travels behind the 354, with its end."""
    return (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


__all__ = ["ELSEWHERE", "END", "HEAD", "OPEN", "OPENING", "SUBMISSION", "SUBMISSIONS", "Door", "door", "stuffed"]
