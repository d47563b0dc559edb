"""Clients that keep what isn't theirs: a socket, a handshake, memory."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from mailguard.smtpd.bodies import FREE, Bodies, Body
from mailguard.smtpd.connection import HANDSHAKE, PARTING
from mailguard.testing import FakeClock, eventually
from tests.unit.smtpd.conftest import SUBMISSION, SUBMISSIONS, Serve
from tests.unit.smtpd.peer import MAIL, Client, Intake

Connect = Callable[..., Any]
BIG = MAIL + b"x" * 70 + b"\r\n" + (b"y" * 998 + b"\r\n") * 300


async def test_who_does_not_take_the_last_reply_is_counted_until_the_connection_is_gone(
    serve: Serve, clock: FakeClock
) -> None:
    """Its goodbye, and all replies before it, would be kept for ever."""
    server = await serve()
    quiet = socket.socket()
    quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    quiet.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(quiet, ("127.0.0.1", server.ports[0]))
    await eventually(lambda: server.connections == 1)
    (session,) = server._sessions
    session._link.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    flood = asyncio.create_task(loop.sock_sendall(quiet, b"EHLO client.example\r\n" * 20_000))
    await eventually(lambda: session.wire.received > 0)
    received = -1
    while received != session.wire.received:
        received = session.wire.received
        for _ in range(50):
            await asyncio.sleep(0.001)
    assert server.connections == 1
    await clock.advance(301)
    await clock.advance(PARTING + 1)
    await eventually(lambda: server.connections == 0 and not server._sessions)
    flood.cancel()
    await asyncio.gather(flood, return_exceptions=True)
    quiet.close()


@pytest.mark.parametrize("listener", [SUBMISSIONS, SUBMISSION])
async def test_a_handshake_that_does_not_go_on_is_ended(
    serve: Serve, clock: FakeClock, listener: dict[str, Any]
) -> None:
    server = await serve(listener)
    client = await Client.connect(server.ports[0])
    if listener is SUBMISSION:
        await client.greet()
        assert (await client.say("STARTTLS")).startswith("220 ")
    client.send(b"\x16\x03\x01\x02")
    await eventually(lambda: any(session._shaking for session in server._sessions))
    await clock.advance(HANDSHAKE - 2)
    assert server.connections == 1
    await clock.advance(3)
    assert await client.closed()
    await eventually(lambda: server.connections == 0 and not server._sessions)
    client.close()


async def test_many_large_mails_at_once_don_t_take_all_memory(serve: Serve, connect: Connect, intake: Intake) -> None:
    """The one that has no room is told to come again; small ones always have room; all of it is given back."""
    server = await serve(limits={"size": "310KB", "in_flight": "310KB"})
    slow, second, small = [await connect(server) for _ in range(3)]
    await slow.envelope()
    await slow.say("DATA")
    slow.send(BIG)
    await eventually(lambda: server._bodies.octets > len(BIG) - FREE - 20_000)
    assert (await second.mail(BIG)).startswith("452 4.3.1 too much large mail")
    assert (await small.mail()).startswith("250 ")
    slow.send(".\r\n")
    assert (await slow.reply()).startswith("250 ")
    assert server._bodies.octets == 0
    assert (await second.mail(BIG)).startswith("250 ")
    assert [len(raw) for _, raw, _ in intake.mails] == [len(MAIL), len(BIG), len(BIG)]


async def test_memory_of_a_client_that_went_away_is_given_back(serve: Serve, connect: Connect) -> None:
    server = await serve()
    client = await connect(server)
    await client.envelope()
    await client.say("DATA")
    client.send(BIG)
    await eventually(lambda: server._bodies.octets > 0)
    client.close()
    await eventually(lambda: server._bodies.octets == 0)


def test_a_body_counts_what_is_above_its_free_part() -> None:
    bodies = Bodies()
    body = Body(bodies, 100)
    assert body.grow(FREE) is None
    assert bodies.octets == 0
    assert body.grow(60) is None
    other = Body(bodies, 100)
    assert other.grow(FREE + 40) is None
    assert bodies.octets == 100
    refusal = other.grow(1)
    assert refusal is not None
    assert refusal.line.startswith("452 4.3.1 ")
    assert bodies.octets == 60
    body.release()
    assert bodies.octets == 0
