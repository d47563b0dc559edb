"""TLS: nothing before it, nothing smuggled past it, certificates renewed, broken ones explained."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from mailguard.clock import SystemClock
from mailguard.errors import ConfigError
from mailguard.smtpd.server import SmtpServer
from mailguard.testing import eventually
from tests.unit.smtpd.conftest import SUBMISSION, SUBMISSIONS, Serve, internal, make_settings, write_certificate
from tests.unit.smtpd.peer import Client, Intake, Logins

Connect = Callable[..., Any]


async def test_commands_in_front_of_the_handshake_are_refused(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve(SUBMISSION))
    client.send("STARTTLS\r\nMAIL FROM:<eve@evil.example>\r\n")
    assert (await client.reply()).startswith("421 4.7.0 nothing may follow STARTTLS")
    assert await client.closed()


async def test_before_tls_nothing_but_tls(serve: Serve, connect: Connect, trust: ssl.SSLContext) -> None:
    client = await connect(await serve(SUBMISSION), greet=False)
    offers = await client.greet()
    assert "250 STARTTLS" in offers
    assert "AUTH" not in offers
    assert (await client.say("AUTH PLAIN AGFubgBzZWNyZXQ=")).startswith("530 5.7.0 ")
    assert (await client.say("MAIL FROM:<ann@corp.example>")).startswith("530 5.7.0 ")
    await client.starttls(trust)
    assert "AUTH PLAIN LOGIN" in await client.say("EHLO client.example")
    assert (await client.say("MAIL FROM:<ann@corp.example>")).startswith("530 5.7.0 ")


async def test_old_tls_and_plain_text_on_a_tls_port_end_quietly(
    serve: Serve, authority: trustme.CA, intake: Intake
) -> None:
    server = await serve(SUBMISSIONS)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(old)
    old.minimum_version, old.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2
    old.set_ciphers("DEFAULT")
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await Client.connect(server.ports[0], old)
    plain = await Client.connect(server.ports[0])
    plain.send("EHLO client.example\r\n")
    assert b"220" not in await plain.reader.read()
    plain.close()
    await eventually(lambda: server.connections == 0)


async def test_a_new_certificate_is_used_after_a_reload_and_open_sessions_go_on(
    serve: Serve, connect: Connect, certificate: dict[str, Path], tmp_path: Path, trust: ssl.SSLContext
) -> None:
    server = await serve(SUBMISSIONS)
    before, ports = await connect(server, tls=True), server.ports
    other = trustme.CA()
    await server.reload(make_settings(write_certificate(other, tmp_path), SUBMISSIONS))
    assert server.ports == ports
    with pytest.raises(ssl.SSLCertVerificationError):
        await Client.connect(server.ports[0], trust)
    fresh = ssl.create_default_context()
    other.configure_trust(fresh)
    client = await Client.connect(server.ports[0], fresh)
    await client.greet()
    client.close()
    assert await before.say("NOOP") == "250 2.0.0 ok"


@pytest.mark.parametrize("broken", ["certificate", "key", "missing", "mismatch", "passphrase"])
async def test_a_broken_certificate_changes_nothing_and_is_explained(
    serve: Serve, connect: Connect, tmp_path: Path, authority: trustme.CA, broken: str
) -> None:
    server = await serve(SUBMISSIONS)
    files = write_certificate(authority, tmp_path)
    if broken == "missing":
        files["key"].unlink()
    elif broken == "mismatch":
        (tmp_path / "other").mkdir()
        files["key"] = write_certificate(authority, tmp_path / "other")["key"]
    elif broken == "passphrase":
        files["key"].write_bytes(_locked(files["key"].read_bytes()))
    else:
        files[broken].write_text("nonsense")
    with pytest.raises(ConfigError, match=r"smtp\.tls: .*") as caught:
        await server.reload(make_settings(files, SUBMISSIONS))
    assert str(tmp_path) in str(caught.value)
    assert "250" in await (await connect(server, tls=True, greet=False)).greet()


async def test_a_new_certificate_that_no_client_would_take_is_refused_and_the_live_one_may_grow_old(
    serve: Serve, tmp_path: Path, connect: Connect
) -> None:
    authority, now = trustme.CA(), datetime.now(UTC)

    def dated(folder: str, begin: int, end: int) -> dict[str, Path]:
        place = tmp_path / folder
        place.mkdir()
        return write_certificate(authority, place, begin=now + timedelta(days=begin), end=now + timedelta(days=end))

    old = dated("old", -3, -1)
    server = await serve(SUBMISSION, tls=old)
    await server.reload(make_settings(old, SUBMISSION))
    with pytest.raises(ConfigError, match="has expired: renew it"):
        await server.reload(make_settings(dated("older", -9, -5), SUBMISSION))
    with pytest.raises(ConfigError, match="not valid yet"):
        await server.reload(make_settings(dated("early", 1, 9), SUBMISSION))
    await server.reload(make_settings(dated("good", -1, 9), SUBMISSION))
    assert "250 STARTTLS" in await (await connect(server, greet=False)).greet()


def _locked(key: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    loaded = form.load_pem_private_key(key, None)
    return loaded.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"open sesame")
    )


def test_quick_tls_clients_are_heard_on_uvloop(certificate: dict[str, Path], trust: ssl.SSLContext) -> None:
    """uvloop reads before a new connection can pause it: the hello must not be lost to our own buffer."""

    async def greetings() -> list[str]:
        server = SmtpServer(
            make_settings(certificate, SUBMISSIONS, SUBMISSION), Intake(), SystemClock(), internal=internal,
            notices_sender="mailguard@corp.example", users=Logins(),
        )  # fmt: skip
        await server.start()
        heard = []
        for _ in range(60):
            client = await Client.connect(server.ports[0], trust)
            heard.append(await client.greet())
            client.close()
        upgraded = await Client.connect(server.ports[1])
        await upgraded.greet()
        await upgraded.starttls(trust)
        heard.append(await upgraded.say("EHLO client.example"))
        await upgraded.login()
        assert (await upgraded.mail()).startswith("250 ")
        upgraded.close()
        await server.stop(0)
        return heard

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert all("AUTH PLAIN LOGIN" in reply for reply in runner.run(greetings()))
