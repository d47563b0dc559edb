"""A client that says what a test wants it to say, and a next room that remembers."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mailguard.errors import PermanentFailure
from mailguard.mail.envelope import Envelope, Session
from mailguard.records import Accepted, Spool
from mailguard.smtpd.auth import User

MAIL = b"From: ann@corp.example\r\nTo: bob@client.example\r\nSubject: Hello\r\n\r\nHello Bob\r\n"
USERS = {
    "ann": ("secret", ("ann@corp.example", "office@corp.example")),
    "scanner": ("scan", ("*@corp.example",)),
}


@dataclass
class Intake:
    """Remembers what was accepted. `answer` may raise, or wait."""

    mails: list[tuple[Envelope, bytes, Session]] = field(default_factory=list)
    spools: list[Spool] = field(default_factory=list)
    answer: Callable[[], Any] | None = None
    known: list[str] = field(default_factory=list)

    def answered(self, accepted: Accepted) -> None:
        self.known.append(accepted.queue_id)

    async def accept(self, envelope: Envelope, spool: Spool, session: Session) -> Accepted:
        result = self.answer() if self.answer else None
        if asyncio.iscoroutine(result):
            result = await result
        self.mails.append((envelope, bytes(spool.raw), session))
        self.spools.append(spool)
        return result if isinstance(result, Accepted) else Accepted(f"Q{len(self.mails)}")


class Logins:
    """An Authenticator that knows USERS."""

    async def check(self, name: str, password: str, peer: str) -> User:
        known = USERS.get(name)
        if known is None or known[0] != password:
            raise PermanentFailure("the user name or the password is wrong", code=535, enhanced="5.7.8")
        return User(name, known[1])


@dataclass
class Watch:
    """A Watcher that remembers."""

    accepted: list[str] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    failed_logins: list[tuple[str, str]] = field(default_factory=list)
    locked: list[tuple[str, str]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    down: list[tuple[str, str]] = field(default_factory=list)
    whys: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    def smtp_accepted(
        self, session: Session, envelope: Envelope, size: int, accepted: Accepted, seconds: float
    ) -> None:
        self.accepted.append(accepted.queue_id)

    def locked_out(self, reason: str, tenant: str, *, session_id: str, peer: str, listener: str) -> None:
        self.locked.append((reason, tenant))

    def smtp_rejected(self, reply: str, *, session_id: str, peer: str, listener: str, sender: str) -> None:
        self.rejected.append((reply, sender))

    def auth_failed(self, name: str, peer: str, session_id: str, why: str = "") -> None:
        self.failed_logins.append((name, peer))
        self.whys += [why] if why else []

    def one_client(self, listener: str, peer: str) -> None:
        self.alone.append(peer)

    def logins_down(self, where: str, why: str) -> None:
        self.down.append((where, why))

    def failure(self, where: str, error: BaseException) -> None:
        self.failures.append(error)


class Client:
    """One SMTP connection, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int, tls: ssl.SSLContext | None = None) -> "Client":
        host = "localhost" if tls else None
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=host))

    @classmethod
    async def connect_from(cls, source: str, port: int, tls: ssl.SSLContext) -> "Client":
        """Over TLS, from this address of ours."""
        host = "localhost"
        return cls(*await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname=host, local_addr=(source, 0)
        ))  # fmt: skip

    def send(self, data: bytes | str) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)

    async def line(self) -> str:
        """One line without CR LF; '' when the server has closed."""
        async with asyncio.timeout(10):  # not wait_for: until Python 3.12 that may swallow a cancellation
            return (await self.reader.readline()).decode().removesuffix("\r\n")

    async def reply(self) -> str:
        """One reply, its lines joined by a newline."""
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return "\n".join(lines)

    async def say(self, command: str) -> str:
        self.send(command + "\r\n")
        return await self.reply()

    async def closed(self) -> bool:
        """Whether the server has nothing more to say."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 10) == b""
        except ConnectionError:
            return True

    async def greet(self) -> str:
        """The 220 and the reply to EHLO."""
        assert (await self.reply()).startswith("220 ")
        return await self.say("EHLO client.example")

    async def login(self, name: str = "ann") -> str:
        import base64

        secret = base64.b64encode(f"\0{name}\0{USERS[name][0]}".encode()).decode()
        return await self.say(f"AUTH PLAIN {secret}")

    async def starttls(self, context: ssl.SSLContext) -> None:
        assert (await self.say("STARTTLS")).startswith("220 2.0.0")
        await self.writer.start_tls(context, server_hostname="localhost")

    async def envelope(self, sender: str = "ann@corp.example", *recipients: str) -> None:
        assert (await self.say(f"MAIL FROM:<{sender}>")).startswith("250 2.1.0")
        for recipient in recipients or ("bob@client.example",):
            assert (await self.say(f"RCPT TO:<{recipient}>")).startswith("250 2.1.5")

    async def data(self, message: bytes = MAIL) -> str:
        """DATA, the bytes as they are, the final dot."""
        assert (await self.say("DATA")).startswith("354 ")
        self.send(message + b".\r\n")
        return await self.reply()

    async def mail(self, message: bytes = MAIL, sender: str = "ann@corp.example", *recipients: str) -> str:
        await self.envelope(sender, *recipients)
        return await self.data(message)

    def close(self) -> None:
        self.writer.close()
