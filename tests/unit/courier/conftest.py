"""Fixtures: mail servers on loopback, couriers that are closed again, and parcels."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest
import trustme

from mailguard.courier.courier import Courier
from mailguard.courier.parcel import Body, Parcel
from mailguard.courier.settings import NextHop
from mailguard.courier.wire import Timeouts
from mailguard.mail.envelope import Recipient
from mailguard.testing import FakeClock
from tests.unit.courier.peer import Peer

HEAD = b"From: ann@corp.example\r\nTo: bob@client.example\r\nSubject: Hello\r\n\r\n"
BODY = b"Hello Bob,\r\n.hidden\r\n..\r\nyours, Ann\r\n"
QUICK = Timeouts(connect=2, greeting=0.4, command=0.4, data=0.4, block=0.4, dot=0.4)
FULL = ("PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")


class StartPeer(Protocol):
    def __call__(
        self,
        *offers: str,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Awaitable[Peer]: ...


MakeCourier = Callable[..., Courier]


@pytest.fixture
async def start_peer() -> AsyncIterator[StartPeer]:
    peers: list[Peer] = []

    async def start(
        *offers: str,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Peer:
        peer = await Peer(*offers, tls=tls, implicit=implicit).start(host, port)
        peers.append(peer)
        return peer

    yield start
    for peer in peers:
        await peer.stop()


@pytest.fixture(params=["lockstep", "pipelined"])
async def peer(request: pytest.FixtureRequest, start_peer: StartPeer) -> Peer:
    """A server that offers everything; once without PIPELINING, once with it."""
    return await start_peer(*(FULL if request.param == "pipelined" else FULL[1:]))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def make_courier(clock: FakeClock) -> AsyncIterator[MakeCourier]:
    couriers: list[Courier] = []

    def make(peer: Peer | None = None, **more: object) -> Courier:
        if peer is not None:
            more = {"smarthost": f"127.0.0.1:{peer.port}", "tls": "none", **more}
        own = {
            name: more.pop(name)
            for name in ("resolver", "mx_port", "loops_allowed", "timeouts", "in_flight", "nodes", "stamps")
            if name in more
        }
        settings = NextHop.model_validate(more)
        courier = Courier(settings, clock, "mail.corp.example", **{"timeouts": QUICK, **own})  # type: ignore[arg-type]
        couriers.append(courier)
        return courier

    yield make
    for courier in couriers:
        await courier.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def parcel(
    courier: Courier,
    *recipients: str | Recipient,
    head: bytes = HEAD,
    body: Body = BODY,
    sender: str = "ann@corp.example",
    smtputf8: bool = False,
    eightbit: bool = False,
    ret: str | None = None,
    envid: str | None = None,
    size: int | None = None,
) -> Parcel:
    found = tuple(Recipient(r) if isinstance(r, str) else r for r in recipients or ("bob@client.example",))
    length = size if size is not None else len(head) + (0 if callable(body) else len(body))
    destination = courier.destination(found[0].address)
    return Parcel(destination, sender, found, head, body, length, smtputf8, eightbit, ret, envid)


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def good(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority.issue_cert("127.0.0.1"))
