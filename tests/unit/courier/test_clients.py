"""Against a mail server that somebody else wrote, and with a signature that has to survive."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dkim
import pytest
import uvloop
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailguard.courier.courier import Courier
from mailguard.courier.settings import NextHop
from mailguard.demo.site import free_port
from mailguard.records import Result
from mailguard.testing import FakeClock
from tests.unit.courier.conftest import BODY, HEAD, MakeCourier, parcel
from tests.unit.courier.peer import Peer

LETTER = (
    b"From: Ann <ann@corp.example>\r\nTo: bob@client.example\r\nSubject: =?utf-8?q?Za=C5=BC=C3=B3=C5=82=C4=87?=\r\n"
    b"Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <m1@corp.example>\r\n\r\n"
    b".starts with a dot\r\n..two\r\ntrailing space \r\n\tTab\r\n\r\n\r\nend\r\n"
)


@pytest.fixture
def sink(tool: Callable[[str], str], tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Postfix's smtp-sink; every mail becomes a file."""
    port = free_port()
    user = ["-u", "root"] if os.geteuid() == 0 else []  # it insists on being told
    command = [tool("smtp-sink"), *user, "-d", f"{tmp_path}/mail.", f"127.0.0.1:{port}", "100"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 10
        while time.monotonic() < end and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield port, tmp_path
        process.terminate()


@pytest.mark.clients("smtp-sink")
@pytest.mark.parametrize("body", [BODY, b"x" * 300_000 + b"\r\n.\r\n..\r\n"])
async def test_smtp_sink_gets_the_bytes_that_were_sent(
    sink: tuple[int, Path], make_courier: MakeCourier, body: bytes
) -> None:
    port, folder = sink
    courier = make_courier(smarthost=f"127.0.0.1:{port}", tls="none")
    outcomes = await courier.carry(parcel(courier, "bob@client.example", "eve@client.example", body=body))
    assert {outcome.result for outcome in outcomes} == {Result.SENT}
    await courier.close()
    (dump,) = folder.glob("mail.*")
    kept = (HEAD + body).replace(b"\r\n", b"\n") + b"\n"  # its files have Unix lines, and one more at the end
    assert dump.read_bytes().endswith(kept)


async def test_a_signature_is_valid_after_the_relay(peer: Peer, make_courier: MakeCourier) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])
    signed = dkim.sign(LETTER, b"sel", b"corp.example", pem, canonicalize=(b"simple", b"simple")) + LETTER
    cut = signed.index(b"\r\n\r\n") + 4
    courier = make_courier(peer)
    await courier.carry(parcel(courier, head=signed[:cut], body=memoryview(signed)[cut:]))
    assert dkim.verify(peer.arrived[0].data, dnsfunc=lambda name, timeout=5: record)


def test_the_fast_event_loop_carries_the_same() -> None:
    """Taking over a transport is where event loops could differ."""

    async def carry() -> None:
        peer = await Peer("PIPELINING", "8BITMIME").start()
        courier = Courier(NextHop(smarthost=f"127.0.0.1:{peer.port}", tls="none"), FakeClock(), "mail.corp.example")
        for body in (BODY, b"." * 3_000_000 + b"\r\n"):
            (outcome,) = await courier.carry(parcel(courier, body=body))
            assert outcome.result is Result.SENT
            assert peer.arrived[-1].data == HEAD + body
        assert peer.connections == 1
        await courier.close()
        await peer.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(carry())
