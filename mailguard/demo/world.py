"""The built-in outside world: a mail server that catches whatever leaves, so that nothing escapes the machine."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailguard.clock import Clock
from mailguard.mail.address import key


@dataclass(frozen=True, slots=True)
class Caught:
    """One mail as it arrived outside."""

    at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def is_notice(self) -> bool:
        """From mailguard itself."""
        return not self.sender

    @property
    def text(self) -> str:
        """The plain text of it, for the page and for following its link."""
        return self._body("plain", "html")

    @property
    def html(self) -> str:
        """As a mail program shows it; '' if it is plain text only."""
        return self._body("html")

    @property
    def files(self) -> tuple[str, ...]:
        """The names of what is attached; of an attached mail its subject."""
        return tuple(_name(part) for part in self.message.iter_attachments())

    def _body(self, *kinds: str) -> str:
        part = self.message.get_body(kinds)
        return str(part.get_content()) if part else ""


def _name(part: EmailMessage) -> str:
    if part.get_content_type() == "message/rfc822":
        (inner,) = part.iter_parts()
        return f"{inner['Subject']}.eml"
    return part.get_filename("unnamed")


class OutsideWorld:
    """Every mailbox there is; keeps what came in the order it came."""

    def __init__(self, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        self._clock, self._host, self.port = clock, host, port
        self.caught: list[Caught] = []
        self._came = asyncio.Condition()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen; `port` is the real one afterwards."""
        make: Callable[[], SMTP] = lambda: SMTP(self, hostname="outside.example", enable_SMTPUTF8=True)  # noqa: E731
        self._server = await asyncio.get_running_loop().create_server(make, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        sender = (envelope.mail_from or "").removeprefix("<>")
        came = Caught(self._clock.now(), sender, tuple(envelope.rcpt_tos), content)
        self.caught.append(came)
        async with self._came:
            self._came.notify_all()
        return "250 2.0.0 caught"

    def to(self, recipient: str) -> list[Caught]:
        """What arrived for this mailbox."""
        return [mail for mail in self.caught if key(recipient) in map(key, mail.recipients)]

    async def wait_for(self, wanted: Callable[[Caught], bool], within: float = 20.0) -> Caught:
        """The first mail that `wanted` says yes to, or TimeoutError after `within` real seconds."""
        async with asyncio.timeout(within), self._came:
            while True:
                for mail in self.caught:
                    if wanted(mail):
                        return mail
                await self._came.wait()
