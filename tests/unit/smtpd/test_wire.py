"""Lines and chunks from a stream of packets."""

import asyncio
from unittest.mock import Mock

import pytest

from mailguard.smtpd.wire import CHUNK, FULL, GoneError, LineTooLongError, Wire


@pytest.fixture
async def wire() -> Wire:
    made = Wire(asyncio.get_running_loop())
    made.transport = Mock()
    return made


async def test_a_line_may_come_in_any_pieces(wire: Wire) -> None:
    waiting = asyncio.create_task(wire.line(100))
    for octet in b"NOOP\r\nQUIT\r\n":
        await asyncio.sleep(0)
        wire.feed(bytes([octet]))
    assert await waiting == b"NOOP\r\n"
    assert wire.has_line()
    assert await wire.line(100) == b"QUIT\r\n"
    assert wire.empty()


@pytest.mark.parametrize("pieces", [[b"x" * 500 + b"\n"], [b"x" * 200, b"y" * 200, b"\n"], [b"x" * 99, b"y\n"]])
async def test_a_long_line_is_read_to_its_end_and_forgotten(wire: Wire, pieces: list[bytes]) -> None:
    waiting = asyncio.create_task(wire.line(100))
    for piece in pieces:
        await asyncio.sleep(0)
        wire.feed(piece)
    with pytest.raises(LineTooLongError):
        await waiting
    wire.feed(b"NOOP\r\n")
    assert await wire.line(100) == b"NOOP\r\n"


async def test_a_chunk_waits_for_64_kib_or_the_end_of_the_message(wire: Wire) -> None:
    waiting = asyncio.create_task(wire.chunk())
    for _ in range(CHUNK // 1024 - 1):
        wire.feed(b"x" * 1024)
        await asyncio.sleep(0)
    assert not waiting.done()
    wire.feed(b"y" * 1024)
    assert len(await waiting) == CHUNK
    waiting = asyncio.create_task(wire.chunk())
    for piece in (b"a", b"\r", b"\n.", b"\r", b"\nQUIT"):
        await asyncio.sleep(0)
        assert not waiting.done()
        wire.feed(piece)
    assert bytes(await waiting) == b"a\r\n.\r\nQUIT"


async def test_what_is_put_back_comes_first(wire: Wire) -> None:
    wire.feed(b"second\n")
    wire.put_back(b"first\n")
    assert await wire.line(100) == b"first\n"
    assert await wire.line(100) == b"second\n"


async def test_whole_lines_can_be_read_after_the_client_has_gone_half_ones_cannot(wire: Wire) -> None:
    wire.feed(b"QUIT\r\nNO")
    wire.end()
    assert await wire.line(100) == b"QUIT\r\n"
    with pytest.raises(GoneError):
        await wire.line(100)
    with pytest.raises(GoneError):
        await wire.chunk()


async def test_a_waiting_reader_learns_that_the_client_has_gone(wire: Wire) -> None:
    waiting = asyncio.create_task(wire.chunk())
    await asyncio.sleep(0)
    wire.end()
    with pytest.raises(GoneError):
        await waiting


async def test_reading_pauses_when_nobody_takes_and_resumes_when_somebody_does(wire: Wire) -> None:
    transport = wire.transport
    assert isinstance(transport, Mock)
    wire.feed(b"NOOP\r\n" + b"x" * FULL)
    transport.pause_reading.assert_called_once()
    await wire.line(100)
    transport.resume_reading.assert_called_once()
