"""Logins of mail clients tried at another server: right, wrong, or nobody can tell."""

import ssl

import pytest

from mailguard.errors import TemporaryFailure
from tests.unit.courier.conftest import FULL, MakeCourier, StartPeer


async def test_a_right_and_a_wrong_password(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    peer = await start_peer(*FULL, "STARTTLS", "AUTH PLAIN", tls=good)
    courier = make_courier(peer, tls="starttls", ca_file=ca_file)
    server = f"127.0.0.1:{peer.port}"
    assert await courier.try_login(server, "ann", "right")
    peer.answers["AUTH"] = "535 5.7.8 no"
    assert not await courier.try_login(server, "ann", "wrong")
    assert "STARTTLS" in peer.verbs
    assert "MAIL" not in peer.verbs


async def test_a_server_that_cannot_say_is_454(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    peer = await start_peer(*FULL, "STARTTLS", "AUTH PLAIN", tls=good)
    courier = make_courier(peer, tls="starttls", ca_file=ca_file)
    peer.answers["AUTH"] = "454 4.7.0 directory down"
    with pytest.raises(TemporaryFailure) as caught:
        await courier.try_login(f"127.0.0.1:{peer.port}", "ann", "right")
    assert (caught.value.code, caught.value.enhanced) == (454, "4.7.0")
    await peer.stop()
    with pytest.raises(TemporaryFailure):
        await courier.try_login(f"127.0.0.1:{peer.port}", "ann", "right")


async def test_a_server_without_tls_never_sees_the_password(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    peer = await start_peer(*FULL, "AUTH PLAIN")
    courier = make_courier(peer, tls="none")
    with pytest.raises(TemporaryFailure):
        await courier.try_login(f"127.0.0.1:{peer.port}", "ann", "right")
    assert "AUTH" not in peer.verbs
