"""Fixtures: a server on loopback with a certificate of its own, and clients that are closed again."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
import trustme

from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.settings import SmtpSettings
from mailguard.testing import FakeClock
from tests.unit.smtpd.peer import Client, Intake, Logins, Watch

OPEN = {"bind": "127.0.0.1:0", "tls": "none", "auth": "none"}
SUBMISSION = {"bind": "127.0.0.1:0", "tls": "starttls", "auth": "required"}
SUBMISSIONS = {"bind": "127.0.0.1:0", "tls": "implicit", "auth": "required"}


def internal(address: str) -> bool:
    return address == "" or address.lower().endswith("@corp.example")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def intake() -> Intake:
    return Intake()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tls")
    return write_certificate(authority, folder)


def write_certificate(
    authority: trustme.CA, folder: Path, *, begin: datetime | None = None, end: datetime | None = None
) -> dict[str, Path]:
    issued = authority.issue_cert("localhost", "127.0.0.1", not_before=begin, not_after=end)
    files = {"certificate": folder / "tls.crt", "key": folder / "tls.key"}
    files["certificate"].write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(files["key"])
    return files


@pytest.fixture(scope="session")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class Serve(Protocol):
    async def __call__(self, *listeners: dict[str, Any], **more: Any) -> SmtpServer: ...


@pytest.fixture
async def serve(
    clock: FakeClock, intake: Intake, watch: Watch, certificate: dict[str, Path], tmp_path: Path
) -> AsyncIterator[Serve]:
    """Start a server; keywords are settings (of users: `logins`), or (`users`, `room`, …) arguments of SmtpServer."""
    servers: list[SmtpServer] = []
    trouble: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: trouble.append(context))

    async def start(*listeners: dict[str, Any], **more: Any) -> SmtpServer:
        names = ("clock", "room", "users", "try_login", "send_as", "app_passwords")
        own = {name: more.pop(name) for name in names if name in more}
        if "logins" in more:
            more["users"], own["users"] = more.pop("logins"), None
        server = SmtpServer(
            make_settings(certificate, *listeners, **more), intake, own.pop("clock", clock), internal=internal,
            notices_sender="mailguard@corp.example", watcher=watch, **{"users": Logins(), **own},
        )  # fmt: skip
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop(0)
    gc.collect()
    assert trouble == []


def make_settings(certificate: dict[str, Path], *listeners: dict[str, Any], **more: Any) -> SmtpSettings:
    return SmtpSettings.model_validate({
        "hostname": "mail.corp.example", "tls": certificate, "users": {"file": "users.yaml"},
        "listeners": listeners or (OPEN,), **more,
    })  # fmt: skip


@pytest.fixture
async def connect(trust: ssl.SSLContext) -> AsyncIterator[Callable[..., Any]]:
    """`await connect(server)`: a greeted client; `tls=True` for an implicit listener, `greet=False` before the 220."""
    clients: list[Client] = []

    async def open_one(server: SmtpServer, at: int = 0, *, tls: bool = False, greet: bool = True) -> Client:
        client = await Client.connect(server.ports[at], trust if tls else None)
        clients.append(client)
        if greet:
            await client.greet()
        return client

    yield open_one
    for client in clients:
        client.close()
