"""What all tenants of a provider share: one address, one certificate, one way in; each with rules of its own."""

import asyncio
import contextlib
import smtplib
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.utils import getaddresses
from pathlib import Path
from typing import Any, Protocol

import trustme
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.provider.letter import Letter

HOST = "localhost"
USERS = "198.51.100.7"  # where people write from
TRIES = 5
MOST = 60  # mails handed over: a circle that nobody ends is a failure, not a test without end


@dataclass(frozen=True)
class Smarthost:
    """Where an outbound connector leads: reached over TLS, its certificate checked for this name."""

    name: str


class Tenant(Protocol):
    """One customer."""

    domains: Sequence[str]

    def brings(self, names: Sequence[str], peer: str, sender: str, hello: str) -> bool:
        """Whether mail of this server (its certificate's names) comes in as the tenant's own."""

    def routed(self, letter: Letter) -> tuple[Letter, Smarthost | None]:
        """What its rules make of a message, and where they send it; None: to its recipients."""

    def leaving(self, letter: Letter) -> Letter:
        """As it goes to another server."""


@dataclass(frozen=True)
class Bounced:
    """What a smarthost refused for good: the provider tells the sender."""

    sender: str
    recipients: tuple[str, ...]
    reply: str


@dataclass
class Cloud:
    """The provider. `hosts`: the port of every smarthost, by name, as DNS would say."""

    authority: trustme.CA
    tenants: list[Tenant] = field(default_factory=list)
    hosts: dict[str, int] = field(default_factory=dict)
    delivered: list[Letter] = field(default_factory=list)
    bounced: list[Bounced] = field(default_factory=list)
    handed: list[Letter] = field(default_factory=list)  # to smarthosts
    most: int = 100  # recipients of one transaction
    port: int = 0

    def __post_init__(self) -> None:
        self._work: deque[asyncio.Task[None]] = deque()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(HOST, "127.0.0.1").configure_cert(context)
        self.authority.configure_trust(context)
        context.verify_mode = ssl.CERT_OPTIONAL

        def make() -> SMTP:
            return SMTP(self, hostname="in.provider.example", tls_context=context, require_starttls=True)

        self._server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def quiet(self) -> bool:
        """Until nothing is on its way inside; whether there was anything."""
        busy = bool(self._work)
        while self._work:
            await self._work.popleft()
        return busy

    async def submit(
        self, tenant: Tenant, sender: str, recipients: Sequence[str], raw: bytes, *, source: str = USERS
    ) -> None:
        """A user of this tenant sends."""
        await self._process(tenant, Letter(raw, sender, tuple(recipients), source, inside=True))

    def to(self, recipient: str) -> list[Letter]:
        """What arrived in this mailbox, inside or outside."""
        return [one for one in self.delivered if recipient in one.recipients]

    # --- inside ---------------------------------------------------------------------------------------
    async def _process(self, tenant: Tenant, letter: Letter) -> None:
        letter, host = tenant.routed(letter)
        if host is None:
            self.delivered.append(letter)
            return
        inside = tuple(one for one in letter.recipients if domain(one) in tenant.domains)
        outside = tuple(one for one in letter.recipients if one not in inside)
        # one transaction for each kind of recipient; the second has the null sender
        for sender, group in ((letter.sender, outside), ("" if outside else letter.sender, inside)):
            for start in range(0, len(group), self.most):
                part = replace(letter, sender=sender, recipients=group[start : start + self.most])
                await self._hand_over(host, tenant.leaving(part))

    async def _hand_over(self, host: Smarthost, letter: Letter) -> None:
        self.handed.append(letter)
        assert len(self.handed) <= MOST, "a mail goes round without end"
        reply = await self._patiently(host, letter)
        if reply.startswith("5"):
            author = next(iter(getaddresses(letter.all("from"))), ("", ""))[1]
            self.bounced.append(Bounced(letter.sender or author, letter.recipients, reply))

    async def _patiently(self, host: Smarthost, letter: Letter) -> str:
        """A server that hangs up is tried again: time that a test lets leap ends whoever is connected."""
        for _ in range(TRIES):
            with contextlib.suppress(smtplib.SMTPServerDisconnected):
                reply = await self.deliver(host, letter)
                if not reply.startswith("4"):
                    return reply
        raise AssertionError(f"{host.name} does not take it: {letter.recipients}")

    async def deliver(self, host: Smarthost, letter: Letter, *, secured: bool = True) -> str:
        """By a real client. The first reply that is not 250, or that to the final dot."""
        return await asyncio.to_thread(self._deliver, host, letter, secured)

    def _deliver(self, host: Smarthost, letter: Letter, secured: bool) -> str:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        with smtplib.SMTP("127.0.0.1", self.hosts[host.name], timeout=30) as client:
            if secured:
                vars(client)["_host"] = host.name  # what its certificate is checked for
                client.starttls(context=context)
            client.ehlo("out.provider.example")
            for code, text in [client.mail(letter.sender), *(client.rcpt(one) for one in letter.recipients)]:
                if code != 250:
                    return f"{code} {text.decode()}"
            code, text = client.data(letter.raw)
            return f"{code} {text.decode()}"

    # --- the way in -----------------------------------------------------------------------------------
    def _tenant(self, session: Session, sender: str) -> Tenant | None:
        certificate: dict[str, Any] = (session.ssl or {}).get("peercert") or {}
        names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
        hello, peer = session.host_name or "", _address(session)
        return next((one for one in self.tenants if one.brings(names, peer, sender, hello)), None)

    async def handle_RCPT(
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        ours = {one for tenant in self.tenants for one in tenant.domains}
        if self._tenant(session, envelope.mail_from or "") is None and domain(address) not in ours:
            return "550 5.7.64 TenantAttribution; Relay Access Denied"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        sender = (envelope.mail_from or "").removeprefix("<>")
        tenant, content = self._tenant(session, sender), envelope.content
        assert isinstance(content, bytes)
        letter = Letter(content, sender, tuple(envelope.rcpt_tos), _address(session), inside=tenant is not None)
        if tenant is None:  # from anywhere: to its mailboxes, past the rules that matter here
            self.delivered.append(letter)
        else:
            self._work.append(asyncio.create_task(self._process(tenant, letter)))
        return "250 2.6.0 Queued mail for delivery"


@asynccontextmanager
async def opened() -> AsyncIterator[Cloud]:
    """A provider that listens."""
    made = Cloud(trustme.CA())
    await made.start()
    yield made
    await made.stop()


def _address(session: Session) -> str:
    assert session.peer
    return str(session.peer[0])


def domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def certify(authority: trustme.CA, name: str, folder: Path) -> dict[str, str]:
    """A certificate of this name and its key, as files."""
    own = authority.issue_cert(name)
    own.private_key_pem.write_to_path(folder / f"{name}.key")
    (folder / f"{name}.crt").write_bytes(b"".join(blob.bytes() for blob in own.cert_chain_pems))
    return {"certificate": str(folder / f"{name}.crt"), "key": str(folder / f"{name}.key")}
