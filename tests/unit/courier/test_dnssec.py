"""DANE by the word of a real validating resolver: what is signed, what is not, and what was tampered with."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from mailguard.courier.courier import Courier
from mailguard.courier.settings import NextHop
from mailguard.records import Result
from mailguard.testing import FakeClock
from tests.unbound import resolving, signed, unsigned
from tests.unit.courier.conftest import FULL, QUICK, StartPeer, parcel, server_context
from tests.unit.courier.test_guard import der, tlsa

pytestmark = pytest.mark.clients

SENT, DEFERRED = Result.SENT, Result.DEFERRED
Zone = Callable[[str, str], tuple[str, str]]


def tampered(name: str, records: str) -> tuple[str, str]:
    """Somebody changed where its mail goes, after it was signed."""
    text, anchor = signed(name, records)
    changed = re.sub(r"(\bMX\s+10\s+)mx\.", r"\1evil.", text)
    assert changed != text
    return changed, anchor


def stripped(name: str, records: str) -> tuple[str, str]:
    """Somebody took the TLSA records away, and what says that they are there."""
    text, anchor = signed(name, records)
    return "\n".join(line for line in text.splitlines() if "_tcp" not in line), anchor


@pytest.fixture
def own() -> trustme.LeafCert:
    """Of an authority that nobody knows."""
    return trustme.CA().issue_cert("whatever.example")


@pytest.mark.parametrize(
    ("zone", "right", "result"),
    [
        (signed, True, SENT),
        (signed, False, DEFERRED),
        (unsigned, False, SENT),
        (tampered, True, DEFERRED),
        (stripped, True, DEFERRED),
    ],
)
async def test_dane(
    start_peer: StartPeer, clock: FakeClock, tmp_path: Path, own: trustme.LeafCert, zone: Zone, right: bool,
    result: Result,
) -> None:  # fmt: skip
    peer = await start_peer(*FULL, "STARTTLS", tls=server_context(own))
    shown = der(own.cert_chain_pems[0]) if right else der(trustme.CA().cert_pem)
    records = (
        "@ 60 IN MX 10 mx\nmx 60 IN A 127.0.0.1\nevil 60 IN A 127.0.0.1\n"
        f"_{peer.port}._tcp.mx 60 IN TLSA {tlsa(3, 1, 1, shown)}\n"
    )
    with resolving(tmp_path, {"client.example": zone("client.example", records)}) as port:
        settings = NextHop(mx=True, mta_sts=False, dnssec_resolver=f"127.0.0.1:{port}")
        courier = Courier(
            settings, clock, "mail.corp.example", timeouts=QUICK, mx_port=peer.port, loops_allowed=True
        )  # fmt: skip
        (outcome,) = await courier.carry(parcel(courier))
        await courier.close()
    assert outcome.result is result, outcome
    assert len(peer.arrived) == (1 if result is SENT else 0)
