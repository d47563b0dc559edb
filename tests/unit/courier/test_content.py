"""Pitfall "aiosmtplib" 6: what arrives are the bytes that were sent; large mails are streamed, never copied whole."""

import asyncio
import re
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.courier import content
from mailguard.courier.content import PIECE, Stuffer
from mailguard.courier.wire import Timeouts
from mailguard.errors import TemporaryFailure
from mailguard.records import Result
from tests.unit.courier.conftest import HEAD, MakeCourier, StartPeer, parcel
from tests.unit.courier.peer import Peer

tricky = st.lists(st.sampled_from([b"\r\n", b".", b"..", b"a", b"\r", b"\n", b"\r\n.\r\n", b"\x80"]), max_size=30)


@given(tricky)
def test_stuffing_does_not_depend_on_where_a_message_is_cut(pieces: list[bytes]) -> None:
    message = b"".join(pieces)
    stuffer = Stuffer()
    cut = b"".join([stuffer.feed(piece) for piece in pieces] + [stuffer.end()])
    expected = re.sub(rb"\A\.|(?<=\r\n)\.", b"..", message)
    closed = expected if expected.endswith(b"\r\n") or not expected else expected + b"\r\n"
    assert cut == closed + b".\r\n"


@given(tricky)
def test_a_server_reads_back_what_was_stuffed(pieces: list[bytes]) -> None:
    stuffer = Stuffer()
    wire = b"\r\n" + b"".join([stuffer.feed(piece) for piece in pieces] + [stuffer.end()])
    assert wire.index(b"\r\n.\r\n") == len(wire) - 5  # the first end is the real end: nothing can be smuggled
    message = b"".join(pieces)
    read = wire[:-3].replace(b"\r\n..", b"\r\n.")[2:]
    assert read == message if message.endswith(b"\r\n") or not message else read == message + b"\r\n"


BORDERS = [
    b"." * 10,
    b"x" * (PIECE - 1) + b"\r\n.dot behind the border\r\n",
    b"x" * (PIECE - 2) + b"\r\n.dot at the border\r\n",
    b"x" * (PIECE - 3) + b"\r\n.dot before the border\r\n",
    b"no line end at the end",
    b"",
    b"a\r\n" * PIECE,
    b".\r\n" * PIECE,
]


@pytest.mark.parametrize("body", BORDERS, ids=range(len(BORDERS)))
@pytest.mark.parametrize("form", ["bytes", "memoryview", "stream"])
async def test_pitfall_6_any_body_arrives_byte_for_byte(
    start_peer: StartPeer, make_courier: MakeCourier, body: bytes, form: str
) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 100_001):
            yield body[at : at + 100_001]

    peer = await start_peer("PIPELINING", "8BITMIME")
    courier = make_courier(peer)
    given = {"bytes": body, "memoryview": memoryview(body), "stream": stream}[form]
    (outcome,) = await courier.carry(parcel(courier, head=b"", body=given, size=len(body)))  # type: ignore[arg-type]
    assert outcome.result is Result.SENT
    assert peer.arrived[0].data == (body if body.endswith(b"\r\n") or not body else body + b"\r\n")


async def test_pitfall_6_a_large_mail_is_held_at_most_a_few_pieces_beyond_itself(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        for answer in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        tail = b""
        while not tail.endswith(b"\r\n.\r\n"):
            tail = (tail + await reader.read(1 << 16))[-5:]
        writer.write(b"250 ok\r\n")
        await reader.readline()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        courier = make_courier(smarthost=f"127.0.0.1:{server.sockets[0].getsockname()[1]}", tls="none")
        body = b".line\r\n" * 3_000_000
        tracemalloc.start()
        try:
            (outcome,) = await courier.carry(parcel(courier, body=memoryview(body)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await courier.close()
        assert outcome.result is Result.SENT
        assert peak < 12 * PIECE  # the message itself is 20 MB


async def test_pitfall_6_the_server_s_pace_is_ours(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    """While the server does not read, a stream is not read on either."""
    taken = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(400):
            taken += 1
            yield b"x" * 99_998 + b"\r\n"

    peer = await start_peer("8BITMIME")
    peer.slow.clear()
    courier = make_courier(peer, timeouts=Timeouts())  # a machine under load is no slow server
    attempt = asyncio.create_task(courier.carry(parcel(courier, body=stream, size=40_000_000)))
    await peer.started.wait()
    seen = -1
    while seen != taken:
        seen = taken
        for _ in range(50):
            await asyncio.sleep(0)
    assert taken < 300  # what the socket buffers of both sides hold
    peer.slow.set()
    (outcome,) = await attempt
    assert outcome.result is Result.SENT
    assert len(peer.arrived[0].data) == len(HEAD) + 40_000_000


@pytest.mark.parametrize("error", [TemporaryFailure("the store is busy"), ZeroDivisionError()])
async def test_a_body_that_can_not_be_read_to_its_end_is_never_sent_as_if_it_were_whole(
    peer: Peer, make_courier: MakeCourier, error: Exception
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half\r\n"
        raise error

    courier = make_courier(peer)
    letter = parcel(courier, body=broken, size=100)
    if isinstance(error, TemporaryFailure):
        (outcome,) = await courier.carry(letter)
        assert (outcome.result, outcome.reply.text) == (Result.DEFERRED, "the store is busy")
    else:
        with pytest.raises(ZeroDivisionError):
            await courier.carry(letter)
    await courier.carry(parcel(courier))
    assert [arrived.data[: len(HEAD)] for arrived in peer.arrived] == [HEAD]
    assert b"half" not in peer.arrived[0].data
    assert peer.connections == 2


def test_small_mails_are_written_at_once(make_courier: MakeCourier) -> None:
    courier = make_courier(smarthost="127.0.0.1:1", tls="none")
    assert content.whole(parcel(courier, body=b"x" * 1000)) is not None
    assert content.whole(parcel(courier, body=b"x" * 2 * PIECE)) is None
