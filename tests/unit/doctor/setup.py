"""A set-up that is as it should be and one that is not: real DNS, listeners, certificates, next hops and web server."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import trustme

from mailguard import config as configs
from mailguard.clock import SystemClock
from mailguard.config import Config
from mailguard.courier.lookup import Lookup
from mailguard.courier.wire import Timeouts
from mailguard.demo.site import free_port
from mailguard.dkim import keys
from mailguard.doctor.run import Outside
from mailguard.smtpd.server import SmtpServer
from tests.unit.courier.dns_server import DnsServer
from tests.unit.courier.peer import Peer
from tests.unit.smtpd.peer import Intake

FULL = ("PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "STARTTLS", "AUTH PLAIN")
EGRESS = "192.0.2.10"
_QUICK = Timeouts(connect=2, greeting=2, command=2, opening=4)


@dataclass
class SetUp:
    """What the doctor looks at, and the parts it is made of."""

    config: Config
    outside: Outside
    names: DnsServer
    peers: dict[str, Peer]
    server: SmtpServer
    intake: Intake = field(default_factory=Intake)


@asynccontextmanager
async def set_up(folder: Path, *, good: bool, memory: Path | None = None) -> AsyncIterator[SetUp]:
    """`memory`: a folder on a file system that does not last, for the bad one's store. SSL_CERT_FILE is set."""
    async with AsyncExitStack() as stack:
        authority, stranger = trustme.CA(), trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        before = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = str(folder / "ca.pem")
        stack.callback(_restore, before)
        names = await DnsServer().start()
        stack.push_async_callback(names.stop)
        trusted, year = (authority if good else stranger), datetime.now(UTC) + timedelta(days=365, hours=1)
        peers = {"hop": await _peer(stack, trusted.issue_cert("localhost", not_after=year))}
        if not good:
            peers |= await _bad_peers(stack, authority)
        web = await _web(stack, trusted.issue_cert("localhost", not_after=year), timedelta())
        issuer = await _web(
            stack, authority.issue_cert("localhost", not_after=year), timedelta() if good else timedelta(minutes=10)
        )
        end = datetime.now(UTC) + timedelta(days=90 if good else 3, hours=1)
        own = authority.issue_cert("mail.corp.example", not_after=end)
        (folder / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in own.cert_chain_pems))
        own.private_key_pem.write_to_path(str(folder / "tls.key"))
        key, other = (keys.fresh("rsa") for _ in range(2))
        (folder / "dkim.pem").write_bytes(key)
        (folder / "password").write_text("s3cret\n")
        (folder / "users.yaml").write_text("users: []\n")
        for name in ("password", "tls.key", "dkim.pem", "users.yaml"):
            (folder / name).chmod(0o600 if good else 0o644)
        _zone(names, keys.public_of(key if good else other).record, good=good)
        loaded = _config(folder, peers, web, issuer, memory or folder, good=good)
        intake = Intake()
        server = SmtpServer(
            loaded.smtp, intake, SystemClock(), internal=lambda address: address.endswith("@corp.example"),
            notices_sender="mailguard@corp.example",
        )  # fmt: skip
        if not good:  # somebody else's program has this one
            listeners = tuple(one for one in loaded.smtp.listeners if one.auth == "required")
            server._settings = loaded.smtp.model_copy(update={"listeners": listeners})
        await server.start()
        stack.push_async_callback(server.stop, 0)
        outside = Outside(
            Lookup(names.resolver()), (EGRESS,), keys=(("2026", "corp.example", folder / "dkim.pem"),),
            mx_port=free_port() if good else peers["mx"].port, patience=10.0, timeouts=_QUICK,
        )  # fmt: skip
        yield SetUp(loaded, outside, names, peers, server, intake)


def _restore(before: str | None) -> None:
    os.environ.pop("SSL_CERT_FILE", None)
    if before is not None:
        os.environ["SSL_CERT_FILE"] = before


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def _peer(stack: AsyncExitStack, certificate: trustme.LeafCert, host: str = "127.0.0.1") -> Peer:
    peer = await Peer(*FULL, tls=_context(certificate)).start(host)
    stack.push_async_callback(peer.stop)
    return peer


async def _bad_peers(stack: AsyncExitStack, authority: trustme.CA) -> dict[str, Peer]:
    """A mail server that clients may reach, an open relay, and next hops that refuse: our login, our senders."""
    leaf = authority.issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=365, hours=1))
    peers = {name: await _peer(stack, leaf) for name in ("relay", "login", "send-as")}
    peers["mx"] = await _peer(stack, leaf, "127.0.0.9")
    peers["login"].answers["AUTH"] = "535 5.7.8 wrong"
    peers["send-as"].answers["RCPT"] = "550 5.7.60 client does not have permissions to send as this sender"
    return peers


async def _web(stack: AsyncExitStack, certificate: trustme.LeafCert, off: timedelta) -> int:
    """An HTTPS server whose clock is off by that."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            date = format_datetime(datetime.now(UTC) - off, usegmt=True)
            writer.write(f"HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=_context(certificate))
    stack.push_async_callback(server.wait_closed)
    stack.callback(server.close)
    port: int = server.sockets[0].getsockname()[1]
    return port


def _zone(names: DnsServer, key: str, *, good: bool) -> None:
    halves = f'"{key[:200]}" "{key[200:]}"'  # as long keys are published
    names.zone |= {
        ("corp.example", "MX"): ["10 mx.corp.example."],
        ("mx.corp.example", "A"): ["127.0.0.9"],
        ("2026._domainkey.corp.example", "TXT"): [halves],
    }
    if good:
        names.zone |= {
            ("corp.example", "TXT"): ['"v=spf1 include:_spf.corp.example -all"'],
            ("_spf.corp.example", "TXT"): [f'"v=spf1 ip4:{EGRESS} -all"'],
            ("mail.corp.example", "TXT"): [f'"v=spf1 ip4:{EGRESS} -all"'],
            ("_dmarc.corp.example", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:dmarc@corp.example"'],
        }
    else:
        names.zone |= {
            ("corp.example", "TXT"): ['"v=spf1 ip4:198.51.100.0/24 -all"'],
            ("_dmarc.corp.example", "TXT"): ['"v=DMARC1; p=quarantine; aspf=s"'],
            ("old.corp.example", "MX"): ["10 gone.corp.example."],
            ("old.corp.example", "TXT"): ['"v=spf1 +all"'],
            ("_dmarc.old.corp.example", "TXT"): ['"v=DMARC1; p=none"'],
        }


def _config(folder: Path, peers: dict[str, Peer], web: int, issuer: int, memory: Path, *, good: bool) -> Config:
    hop = f"localhost:{peers['hop'].port}"
    login = "tls: starttls, username: relay, password_file: password, ca_file: ca.pem"
    routes = "" if good else (
        f"routes: {{login.example: {{smarthost: 'localhost:{peers['login'].port}', {login}}}, "
        f"send-as.example: {{smarthost: 'localhost:{peers['send-as'].port}', {login}}}}}"
    )  # fmt: skip
    plain = free_port() if good else peers["relay"].port
    file = folder / "mailguard.yaml"
    file.write_text(
        f"""\
version: 1
organization: {{domains: [{"corp.example" if good else "corp.example, old.corp.example"}]}}
rules: []
store: sqlite://{memory}/mail.db
smtp:
  hostname: mail.corp.example
  tls: {{certificate: tls.crt, key: tls.key}}
  users: {{file: users.yaml}}
  listeners:
    - {{bind: "127.0.0.1:{free_port()}", tls: implicit, auth: required}}
    - {{bind: "127.0.0.1:{free_port()}", tls: starttls, auth: required}}
    - {{bind: "127.0.0.1:{plain}", tls: none, auth: none}}
next_hop: {{smarthost: "{hop}", {login}, {routes}}}
web:
  url: https://localhost:{web}
  oidc: {{issuer: "https://localhost:{issuer}", client_id: mailguard, ca_file: ca.pem}}
notices: {{sender: mailguard@corp.example}}
holds: {{fallback: postmaster@corp.example}}
""",
        "utf-8",
    )
    return configs.load(file, {})
