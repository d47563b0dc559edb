"""The PROXY protocol: whom a listed proxy names is the client; from anybody else it is an error."""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailguard.clock import SystemClock
from mailguard.demo.site import free_port
from mailguard.smtpd import proxy
from mailguard.smtpd.faces import MANY, Faces
from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.settings import Listener
from mailguard.smtpd.wire import GoneError, Wire
from mailguard.testing import FakeClock, eventually
from tests.conftest import need
from tests.unit.smtpd.conftest import OPEN, SUBMISSION, SUBMISSIONS, Serve
from tests.unit.smtpd.peer import Client, Intake, Watch

Connect = Callable[..., Any]
HERE: dict[str, Any] = {"proxy_from": ["127.0.0.1/32"]}
TRUSTING: dict[str, Any] = {**OPEN, **HERE, "networks": ["192.0.2.0/24", "2001:db8::/64"]}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def second(command: int = 0x21, family: int = 0x11, rest: bytes | None = None, size: int | None = None) -> bytes:
    """A header of version 2; as it should be if nothing is said."""
    body = b"\xc0\0\x02\x07\xc6\x33\x64\x01\x30\x39\0\x19" if rest is None else rest
    length = len(body) if size is None else size
    return SIGNATURE + bytes([command, family]) + length.to_bytes(2, "big") + body


V6 = bytes.fromhex("20010db8000000000000000000000007") * 2 + b"\x30\x39\0\x19"
GOOD: dict[str, tuple[bytes, str | None]] = {
    "TCP4": (b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n", "192.0.2.7"),
    "TCP6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 0 65535\r\n", "2001:db8::7"),
    "unknown": (b"PROXY UNKNOWN\r\n", None),
    "unknown with words": (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    "version 2, IPv4": (second(), "192.0.2.7"),
    "version 2, IPv6": (second(family=0x21, rest=V6), "2001:db8::7"),
    "version 2, local": (second(0x20, 0x00, b""), None),
    "version 2, local with an address": (second(0x20), None),
    "version 2, unspecified": (second(0x21, 0x00, b"\1\2\3"), None),
    "version 2, more": (second(rest=second()[16:] + b"\4\0\2ab" + b"\5\0\0"), "192.0.2.7"),
}
BAD: dict[str, bytes] = {
    "a greeting": b"EHLO client.example\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
    "small letters": b"proxy TCP4 192.0.2.7 198.51.100.1 12345 25\r\n",
    "a bare line feed": b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\n",
    "two spaces": b"PROXY TCP4  192.0.2.7 198.51.100.1 12345 25\r\n",
    "no port": b"PROXY TCP4 192.0.2.7 198.51.100.1 12345\r\n",
    "a port too high": b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n",
    "a port with a zero": b"PROXY TCP4 192.0.2.7 198.51.100.1 012 25\r\n",
    "another family": b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
    "another family behind": b"PROXY TCP6 2001:db8::7 192.0.2.1 1 2\r\n",
    "an address that is none": b"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
    "an octal address": b"PROXY TCP4 192.0.2.007 198.51.100.1 1 2\r\n",
    "a zone": b"PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2\r\n",
    "UDP": b"PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "more behind": b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n",
    "too long": b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
    "version 1 in the second": second(0x11),
    "another command": second(0x22),
    "a datagram": second(family=0x12),
    "a socket of the file system": second(family=0x31, rest=bytes(216)),
    "version 2, too short": second(rest=b"\xc0\0\x02\x07"),
    "version 2, too long": second(rest=bytes(3000)),
    "version 2, cut off in what follows": second(rest=second()[16:] + b"\4\0\x09ab"),
    "version 2, half a length": second(rest=second()[16:] + b"\4\0"),
}


async def read(data: bytes, *, ends: bool = True, step: int | None = None) -> tuple[str | None, bytes]:
    """Who it names, and what is left; the bytes come in pieces of `step`."""
    wire = Wire(asyncio.get_running_loop())
    reading = asyncio.ensure_future(proxy.client(wire))
    for at in range(0, len(data), step or max(1, len(data))):
        wire.feed(data[at : at + (step or len(data))])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    if ends:
        wire.end()
    return await asyncio.wait_for(reading, 5), bytes(wire.discard())


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("step", [None, 1, 13])
async def test_a_header_names_the_client_and_what_follows_is_the_clients(name: str, step: int | None) -> None:
    data, named = GOOD[name]
    assert await read(data + b"EHLO x\r\n", ends=False, step=step) == (named, b"EHLO x\r\n")


@pytest.mark.parametrize("name", BAD)
async def test_what_is_not_exactly_a_header_is_none(name: str) -> None:
    with pytest.raises(proxy.NoHeader):
        await read(BAD[name], ends=False)


@pytest.mark.parametrize("name", GOOD)
async def test_a_header_that_is_cut_off_is_nobody(name: str) -> None:
    data, _ = GOOD[name]
    for end in range(len(data)):
        with pytest.raises(GoneError):
            await read(data[:end])


@given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 1.2.3.4 ", SIGNATURE, second()[:16]]))
@example(b"\xff" * 300, second(size=65535)[:16])
def test_whatever_comes_it_is_a_client_no_header_or_an_end(rest: bytes, first: bytes) -> None:
    async def outcome() -> None:
        with contextlib.suppress(proxy.NoHeader, GoneError):
            await read(first + rest)

    asyncio.run(outcome())


# --- at a listener ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["TCP4", "version 2, IPv4"])
async def test_the_client_of_a_listed_proxy_is_the_one_it_names(
    serve: Serve, connect: Connect, intake: Intake, header: str
) -> None:
    client = await connect(await serve(TRUSTING), greet=False)
    client.send(GOOD[header][0])
    await client.greet()
    assert (await client.mail()).startswith("250 ")
    assert intake.mails[-1][2].peer == "192.0.2.7"


@pytest.mark.parametrize("networks", [["192.0.2.0/24"], ["127.0.0.0/8"], []])
@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\n", "its network is not trusted"),
        (b"PROXY UNKNOWN\r\n", "does not say who sends"),
        (second(0x20, 0x00, b""), "does not say who sends"),
    ],
)
async def test_networks_are_about_the_client_and_never_about_the_proxy(
    serve: Serve, connect: Connect, header: bytes, says: str, networks: list[str]
) -> None:
    client = await connect(await serve({**TRUSTING, "networks": networks}), greet=False)
    client.send(header)
    await client.greet()
    assert says in await client.say("MAIL FROM:<ann@corp.example>")


async def test_a_listed_proxy_must_say_who_its_client_is(serve: Serve, connect: Connect, watch: Watch) -> None:
    client = await connect(await serve(TRUSTING), greet=False)
    client.send("EHLO client.example\r\n")
    assert await client.line() == "421 4.7.0 the PROXY header that 127.0.0.1 must send: there is none"
    assert await client.closed()
    assert len(watch.rejected) == 1


async def test_a_proxy_that_says_nothing_is_left(serve: Serve, connect: Connect, clock: FakeClock) -> None:
    client = await connect(await serve(TRUSTING), greet=False)
    await eventually(lambda: bool(clock._sleepers))
    client.send("PROXY TCP4 ")
    for _ in range(12):
        await clock.advance(1)
    assert (await client.line()).startswith("421 4.7.0 too slow")
    assert await client.closed()


@pytest.mark.parametrize("listed", [{}, {"proxy_from": ["192.0.2.1/32"]}])
@pytest.mark.parametrize("header", ["TCP4", "unknown", "version 2, IPv4", "version 2, local"])
async def test_from_anybody_else_it_is_an_error_and_the_end(
    serve: Serve, connect: Connect, intake: Intake, listed: dict[str, Any], header: str
) -> None:
    client = await connect(await serve({**OPEN, **listed}), greet=False)
    assert (await client.reply()).startswith("220 ")
    client.send(GOOD[header][0] + b"EHLO x\r\nMAIL FROM:<ann@corp.example>\r\n")
    said = [line async for line in _lines(client)]
    assert said[-1] == "421 4.7.0 127.0.0.1 is no proxy whose word is taken here (proxy_from)"
    assert not any(line.startswith("250") for line in said)


async def _lines(client: Client) -> AsyncIterator[str]:
    while line := await client.line():
        yield line


async def test_a_second_header_is_an_error(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve(TRUSTING), greet=False)
    client.send(GOOD["TCP4"][0] * 2)
    assert (await client.reply()).startswith("220 ")
    assert await client.line() == "421 4.7.0 192.0.2.7 is no proxy whose word is taken here (proxy_from)"


async def test_the_limit_of_one_client_is_the_clients(serve: Serve, connect: Connect) -> None:
    server = await serve(TRUSTING, limits={"per_client": 2})
    for number, ending in enumerate((7, 7, 8, 8)):
        client = await connect(server, greet=False)
        client.send(f"PROXY TCP4 192.0.2.{ending} 198.51.100.1 1 2\r\n")
        assert (await client.reply()).startswith("220 "), number
    third = await connect(server, greet=False)
    third.send("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n")
    assert (await third.line()).startswith("421 4.7.0 too many connections")


def haproxy(folder: Path, listen: int, to: int, how: str, more: str = "") -> "subprocess.Popen[bytes]":
    """A real HAProxy in TCP mode, which checks its server too."""
    (folder / "haproxy.cfg").write_text(
        "global\n  maxconn 100\n"
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        f"frontend mail\n  bind 127.0.0.1:{listen}\n  default_backend mailguard\n"
        f"backend mailguard\n{more}  server one 127.0.0.1:{to} {how} check inter 200ms\n"
    )
    return subprocess.Popen([need("haproxy"), "-db", "-f", folder / "haproxy.cfg"], stderr=subprocess.DEVNULL)


@pytest.mark.clients("haproxy")
@pytest.mark.parametrize("how", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
@pytest.mark.parametrize("listener", [OPEN, SUBMISSION, SUBMISSIONS], ids=["open", "starttls", "implicit"])
async def test_behind_a_real_haproxy(
    serve: Serve,
    intake: Intake,
    trust: ssl.SSLContext,
    tmp_path: Path,
    watch: Watch,
    how: str,
    listener: dict[str, Any],
) -> None:
    server: SmtpServer = await serve({**listener, **HERE}, clock=SystemClock())
    listen, implicit = free_port(), listener is SUBMISSIONS
    more = "" if implicit else "  option smtpchk EHLO haproxy.example\n"  # its own connections are not about a client
    process = haproxy(tmp_path, listen, server.ports[0], how, more)
    try:
        await listening(listen)
        client = await Client.connect_from("127.0.0.9", listen, trust) if implicit else await _from("127.0.0.9", listen)
        await client.greet()
        if listener is SUBMISSION:
            await client.starttls(trust)
            await client.say("EHLO client.example")
        if listener is not OPEN:
            assert await client.login() == "235 2.7.0 welcome"
        assert (await client.mail()).startswith("250 ")
        client.close()
    finally:
        process.terminate()
        process.wait(20)
    assert intake.mails[-1][2].peer == "127.0.0.9"
    assert not any("PROXY" in reply for reply, _ in watch.rejected)


async def listening(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def _from(source: str, port: int) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))


# --- one address for all ------------------------------------------------------------------------------------------


def told(peers: list[str], **changes: Any) -> int:
    said = {"bind": "10.0.0.5:25", "tls": "none", "auth": "none", "networks": ["10.0.0.0/24"], **changes}
    listener, faces = Listener.model_validate(said), Faces()
    return sum(faces.seen(peer, listener) for peer in peers)


def test_much_mail_from_one_address_of_many_that_may_send_is_told_once() -> None:
    assert told(["10.0.0.1"] * (MANY - 1)) == 0
    assert told(["10.0.0.1"] * (3 * MANY)) == 1
    assert told(["10.0.0.1", "10.0.0.2", *["10.0.0.1"] * (3 * MANY)]) == 0


def test_where_only_one_machine_may_send_or_it_is_this_one_nothing_is_odd() -> None:
    assert told(["10.0.0.1"] * MANY, networks=["10.0.0.1/32", "10.0.1.0/24"]) == 0
    assert told(["127.0.0.1"] * MANY, networks=["127.0.0.0/8"]) == 0


async def test_a_listener_tells_it_of_its_mail(
    serve: Serve, connect: Connect, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailguard.smtpd.faces.MANY", 2)
    server = await serve(TRUSTING)
    for _ in range(3):
        client = await connect(server, greet=False)
        client.send(GOOD["TCP4"][0])
        await client.greet()
        await client.mail()
    assert watch.alone == ["192.0.2.7"]
