"""REQUIRETLS (RFC 8689) on the way out: verified, vouched for, and promised on; else over, and nothing was sent."""

import ssl
from dataclasses import replace

import pytest
import trustme

from mailguard.courier.courier import Courier
from mailguard.records import Outcome, Result
from tests.unit.courier.conftest import FULL, MakeCourier, StartPeer, parcel, server_context
from tests.unit.courier.dns_server import SERVFAIL
from tests.unit.courier.test_guard import World, der, good, secured, tlsa, world

__all__ = ["world"]

SENT, DEFERRED, FAILED = Result.SENT, Result.DEFERRED, Result.FAILED


async def carry(courier: Courier) -> Outcome:
    (outcome,) = await courier.carry(replace(parcel(courier), require_tls=True))
    return outcome


def said(outcome: Outcome) -> tuple[Result, str]:
    return outcome.result, outcome.reply.enhanced


@pytest.mark.parametrize(
    ("offers", "tls", "found"),
    [
        (("STARTTLS", "REQUIRETLS"), "starttls", (SENT, "2.0.0")),
        (("STARTTLS",), "starttls", (FAILED, "5.7.30")),
        (("REQUIRETLS",), "starttls", (FAILED, "5.7.10")),
        (("STARTTLS", "REQUIRETLS"), "none", (FAILED, "5.7.10")),
    ],
)
async def test_a_smarthost(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str, offers: tuple[str, ...],
    tls: str, found: tuple[Result, str],
) -> None:  # fmt: skip
    peer = await start_peer(*FULL, *offers, tls=good)
    outcome = await carry(make_courier(peer, tls=tls, ca_file=ca_file))
    assert said(outcome) == found
    assert len(peer.arrived) == (1 if found[0] is SENT else 0)
    assert ("MAIL" in peer.verbs) is (found[0] is SENT)
    if peer.arrived:
        assert peer.arrived[0].mail.endswith(" REQUIRETLS")


async def test_a_certificate_that_nobody_trusts_ends_it(
    start_peer: StartPeer, make_courier: MakeCourier, ca_file: str
) -> None:
    stranger = server_context(trustme.CA().issue_cert("127.0.0.1"))
    peer = await start_peer(*FULL, "STARTTLS", "REQUIRETLS", tls=stranger)
    outcome = await carry(make_courier(peer, tls="starttls", ca_file=ca_file))
    assert (*said(outcome), peer.arrived) == (FAILED, "5.7.10", [])
    assert "can't be trusted" in outcome.reply.text


async def test_a_server_that_is_down_is_tried_again(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    peer = await start_peer(*FULL, "STARTTLS", "REQUIRETLS", tls=good)
    await peer.refuse()
    assert (await carry(make_courier(peer, tls="starttls", ca_file=ca_file))).result is DEFERRED


async def test_sessions_for_ordinary_mail_are_not_used_for_it(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    peer = await start_peer(*FULL, "STARTTLS", "REQUIRETLS", tls=good)
    courier = make_courier(peer, tls="starttls", ca_file=ca_file)
    for _ in range(2):
        await courier.carry(parcel(courier))
        assert (await carry(courier)).result is SENT
    assert (peer.connections, [one.mail.endswith("REQUIRETLS") for one in peer.arrived]) == (2, [False, True] * 2)


async def test_a_mail_server_must_be_vouched_for(world: World) -> None:
    """Its certificate is good, but who says that it is the domain's server?"""
    peer = await world.server(good(world), "REQUIRETLS")
    outcome = await carry(world.courier())
    assert (*said(outcome), peer.arrived) == (FAILED, "5.7.10", [])
    assert "nobody vouches" in outcome.reply.text


@pytest.mark.parametrize("mode", ["enforce", "testing"])
async def test_a_policy_vouches(world: World, mode: str) -> None:
    await world.server(good(world), "REQUIRETLS")
    world.policy(world.web.text.replace("enforce", mode))
    assert (await carry(world.courier())).result is SENT


async def test_dnssec_vouches(world: World) -> None:
    await world.server(good(world), "REQUIRETLS")
    world.names.secure = True
    assert (await carry(world.courier(dnssec=True))).result is SENT


async def test_dane_vouches_whoever_signed_it(world: World) -> None:
    leaf = trustme.CA().issue_cert("whatever.example")
    context = server_context(leaf)
    peer = await secured(world, context, tlsa(3, 1, 1, der(leaf.cert_chain_pems[0])))
    peer.offers.append("REQUIRETLS")
    assert (await carry(world.courier(dnssec=True))).result is SENT


async def test_records_that_nobody_can_use_do_not(world: World) -> None:
    leaf = trustme.CA().issue_cert("mx.client.example")
    peer = await secured(world, leaf, tlsa(1, 1, 1, der(leaf.cert_chain_pems[0])))
    peer.offers.append("REQUIRETLS")
    assert said(await carry(world.courier(dnssec=True))) == (FAILED, "5.7.10")


async def test_dns_that_does_not_say_is_asked_again(world: World) -> None:
    peer = await secured(world, good(world))
    world.names.zone[f"_{peer.port}._tcp.mx.client.example", "TLSA"] = SERVFAIL
    assert (await carry(world.courier(dnssec=True))).result is DEFERRED


async def test_another_server_of_the_domain_may_promise_it(world: World) -> None:
    await world.server(good(world), "REQUIRETLS")
    world.policy()
    world.names.zone["client.example", "MX"] = ["5 old.client.example.", "10 mx.client.example."]
    world.names.zone["old.client.example", "A"] = ["127.0.0.1"]
    assert (await carry(world.courier())).result is SENT
