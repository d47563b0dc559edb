"""A next hop that knows which life of the service brings it mail, and may keep it waiting before the final dot."""

import asyncio
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.torture.books import Arrival

NOBODY = "gone@nobody.example"
LARGE = 500_000  # bytes


def hello(life: int) -> str:
    """The name a life of the service says at EHLO."""
    return f"life-{life}.corp.example"


class Sink:
    """Knows nobody at nobody.example, notes the life of whoever brings mail, and may keep its callers waiting."""

    def __init__(self) -> None:
        self.port = 0
        self.pause = 0.0  # seconds before its answer to the final dot
        self.open = asyncio.Event()  # else there is no answer to DATA
        self.open.set()
        self.large_passes = False  # even while it is not open
        self.arrivals: list[Arrival] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        listen = asyncio.get_running_loop().create_server
        self._server = await listen(lambda: _Door(self, enable_SMTPUTF8=True), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address == NOBODY:
            return "550 5.1.1 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        life = int((session.host_name or "").partition(".")[0].removeprefix("life-"))
        sender = (envelope.mail_from or "").removeprefix("<>")
        self.arrivals.append(Arrival(life, sender, tuple(envelope.rcpt_tos), envelope.content))
        await asyncio.sleep(self.pause)
        return "250 2.0.0 kept"


class _Door(SMTP):
    async def smtp_DATA(self, arg: str) -> None:
        sink = cast(Sink, self.event_handler)
        assert self.envelope is not None
        sizes = [int(option[5:]) for option in self.envelope.mail_options if option.upper().startswith("SIZE=")]
        if not (sink.large_passes and max(sizes, default=0) > LARGE):
            await sink.open.wait()
        await super().smtp_DATA(arg)
