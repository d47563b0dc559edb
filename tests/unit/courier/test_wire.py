"""The line protocol by itself, with a transport that only remembers."""

import asyncio

import pytest

from mailguard.courier.reply import heard
from mailguard.courier.wire import Broken, Wire


class Memory(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    close = abort


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_replies_do_not_depend_on_how_the_bytes_arrive(size: int) -> None:
    wire = Wire(Memory(), "peer")
    stream = b"250-2.1.0 one\r\n250 2.1.0 two\r\n354\r\n550 5.1.1 no\n"
    for at in range(0, len(stream), size):
        wire.data_received(stream[at : at + size])
    said = [str(await wire.reply(1, "MAIL")) for _ in range(3)]
    assert said == ["250 2.1.0 one two", "354", "550 5.1.1 no"]
    assert wire.silent


async def test_a_reply_is_read_before_the_end_that_follows_it() -> None:
    wire = Wire(Memory(), "peer")
    wire.data_received(b"552 5.3.4 enough\r\n")
    wire.connection_lost(None)
    await wire.drain(1)
    assert (await wire.reply(1, "DATA")).code == 552
    with pytest.raises(Broken, match="peer closed the connection"):
        await wire.reply(1, "DATA")
    with pytest.raises(Broken):
        wire.write(b"x")


async def test_others_have_a_turn_between_two_pieces() -> None:
    wire, turns = Wire(Memory(), "peer"), list[int]()
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await wire.drain(1)
    assert turns == [1]


async def test_every_wait_has_its_own_patience_although_one_timer_serves_them_all() -> None:
    wire, loop = Wire(Memory(), "peer"), asyncio.get_running_loop()
    for seconds in (0.2, 0.01):  # a timer for later, then one for sooner
        loop.call_soon(wire.data_received, b"250 ok\r\n")
        await wire.reply(seconds, "MAIL")
    for seconds in (0.1, 0.02):  # which fires too early for this, and must be early enough for that
        start = loop.time()
        with pytest.raises(Broken, match="peer did not answer"):
            await wire.reply(seconds, "MAIL")
        assert seconds * 0.9 <= loop.time() - start < 5
    wire.abort()
    assert wire._timer is None, "or it would keep the connection in memory"


async def test_a_flood_of_replies_ends_the_connection() -> None:
    transport = Memory()
    wire = Wire(transport, "peer")
    wire.data_received(b"250 ok\r\n" * 10_000)
    assert transport.closing
    assert not wire.silent


async def test_a_transport_that_was_closed_before_it_was_taken_over_is_lost() -> None:
    transport = Memory()
    transport.close()
    with pytest.raises(Broken):
        await Wire(transport, "peer").reply(1, "MAIL")


@pytest.mark.parametrize(
    ("code", "text", "enhanced", "words"),
    [
        (550, "5.1.1 no such user", "5.1.1", "no such user"),
        (550, "no such user", "", "no such user"),
        (550, "4.2.1 contradicts itself", "", "4.2.1 contradicts itself"),
        (250, "2.0.0", "2.0.0", ""),
        (550, "5.1.1234 what", "", "5.1.1234 what"),
        (550, "5.7.1 a\n5.7.1 b", "5.7.1", "a b"),
        (550, "a\x1b]0;title\x07b\x9bc\u2028d", "", "a ]0;title b c d"),
    ],
)
def test_the_enhanced_code_is_read_and_the_words_made_harmless(code: int, text: str, enhanced: str, words: str) -> None:
    reply = heard(code, text, "peer")
    assert (reply.enhanced, reply.text) == (enhanced, words)
