"""Direct delivery: MX by preference, null MX, A/AAAA fallback, NXDOMAIN against SERVFAIL, loop to self refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from mailguard.courier.courier import Courier
from mailguard.courier.route import Host, Route
from mailguard.courier.smtp import Manner, Myself, dial
from mailguard.errors import PermanentFailure, SmtpError, TemporaryFailure
from mailguard.records import Outcome, Result
from tests.unit.courier.conftest import FULL, MakeCourier, StartPeer, parcel, server_context
from tests.unit.courier.dns_server import NXDOMAIN, SERVFAIL, SILENT, TRUNCATED, DnsServer

SENT, DEFERRED, FAILED = Result.SENT, Result.DEFERRED, Result.FAILED


@pytest.fixture
async def names() -> AsyncIterator[DnsServer]:
    server = await DnsServer().start()
    yield server
    await server.stop()


def route(names: DnsServer) -> Route:
    return Route("mail.corp.example", names.resolver())


async def hosts(route: Route, domain: str = "client.example") -> list[Host]:
    return [host async for host in route.exchangers(domain)]


async def why(route: Route, domain: str = "client.example") -> SmtpError:
    with pytest.raises(SmtpError) as raised:
        await hosts(route, domain)
    return raised.value


async def test_servers_are_tried_by_preference(names: DnsServer) -> None:
    names.zone |= {
        ("client.example", "MX"): ["20 b.client.example.", "10 a.client.example.", "30 c.client.example."],
        ("a.client.example", "A"): ["192.0.2.1"],
        ("b.client.example", "A"): ["192.0.2.2"],
        ("c.client.example", "A"): ["192.0.2.3"],
    }
    found = await hosts(route(names))
    assert found == [
        Host("a.client.example", "192.0.2.1", 25),
        Host("b.client.example", "192.0.2.2", 25),
        Host("c.client.example", "192.0.2.3", 25),
    ]


async def test_servers_of_one_preference_share_the_mail(names: DnsServer) -> None:
    names.zone["client.example", "MX"] = ["10 a.client.example.", "10 b.client.example."]
    for name in "ab":
        names.zone[f"{name}.client.example", "A"] = [f"192.0.2.{ord(name)}"]
    ways = route(names)
    assert {(await hosts(ways))[0].name for _ in range(64)} == {"a.client.example", "b.client.example"}


async def test_both_address_families_take_turns(names: DnsServer) -> None:
    names.zone |= {
        ("client.example", "MX"): ["10 a.client.example."],
        ("a.client.example", "A"): ["192.0.2.1", "192.0.2.2"],
        ("a.client.example", "AAAA"): ["2001:db8::1", "2001:db8::2"],
    }
    found = [host.address for host in await hosts(route(names))]
    assert [":" in address for address in found] == [True, False, True, False]


async def test_servers_behind_the_first_are_looked_up_only_when_needed(names: DnsServer) -> None:
    names.zone |= {
        ("client.example", "MX"): ["10 a.client.example.", "20 b.client.example."],
        ("a.client.example", "A"): ["192.0.2.1"],
        ("b.client.example", "A"): ["192.0.2.2"],
    }
    found = route(names).exchangers("client.example")
    assert (await anext(found)).address == "192.0.2.1"
    await found.aclose()
    assert names.asked["b.client.example", "A"] == 0


async def test_at_most_ten_servers_and_twenty_addresses_are_tried(names: DnsServer) -> None:
    names.zone["client.example", "MX"] = [f"{n} m{n}.client.example." for n in range(30)]
    for n in range(30):
        names.zone[f"m{n}.client.example", "A"] = [f"192.0.2.{n}"]
    assert len(await hosts(route(names))) == 10
    names.zone["m0.client.example", "A"] = [f"198.51.100.{n}" for n in range(200)]
    assert len(await hosts(route(names))) == 20


async def test_without_mx_the_domain_s_own_address_is_used(names: DnsServer) -> None:
    names.zone |= {("client.example", "A"): ["192.0.2.1"], ("client.example", "AAAA"): ["2001:db8::1"]}
    found = await hosts(route(names))
    assert [(host.name, host.address) for host in found] == [
        ("client.example", "2001:db8::1"),
        ("client.example", "192.0.2.1"),
    ]


async def test_a_cname_is_followed(names: DnsServer) -> None:
    names.zone |= {
        ("client.example", "CNAME"): ["real.example"],
        ("real.example", "MX"): ["10 alias.real.example."],
        ("alias.real.example", "CNAME"): ["mx.real.example"],
        ("mx.real.example", "A"): ["192.0.2.1"],
        ("mx.real.example", "AAAA"): ["2001:db8::1"],
    }
    assert {host.address for host in await hosts(route(names))} == {"192.0.2.1", "2001:db8::1"}


async def test_an_answer_too_long_for_udp_is_asked_for_by_tcp(names: DnsServer) -> None:
    names.zone |= {
        ("client.example", "MX"): TRUNCATED,
        ("client.example", "MX/TCP"): ["10 a.client.example."],
        ("a.client.example", "A"): ["192.0.2.1"],
    }
    assert [host.address for host in await hosts(route(names))] == ["192.0.2.1"]


async def test_null_mx_fails_for_good(names: DnsServer) -> None:
    names.zone["client.example", "MX"] = ["0 ."]
    error = await why(route(names))
    assert isinstance(error, PermanentFailure)
    assert (error.code, error.enhanced) == (556, "5.1.10")


async def test_a_domain_that_does_not_exist_fails_for_good(names: DnsServer) -> None:
    error = await why(route(names), "nowhere.example")
    assert isinstance(error, PermanentFailure)
    assert (error.code, error.enhanced) == (550, "5.1.2")


@pytest.mark.parametrize("trouble", [SERVFAIL, SILENT])
async def test_dns_that_does_not_answer_defers(names: DnsServer, trouble: str) -> None:
    names.zone["client.example", "MX"] = trouble
    error = await why(Route("mail.corp.example", names.resolver(lifetime=0.3)))
    assert isinstance(error, TemporaryFailure)
    assert (error.code, error.enhanced) == (451, "4.4.3")


async def test_a_server_whose_address_is_not_answered_defers_unless_another_one_has_one(
    names: DnsServer,
) -> None:
    names.zone |= {
        ("client.example", "MX"): ["10 a.client.example.", "20 b.client.example."],
        ("a.client.example", "A"): SERVFAIL,
        ("a.client.example", "AAAA"): SERVFAIL,
        ("b.client.example", "A"): NXDOMAIN,
    }
    assert (await why(route(names))).code == 451
    names.zone["b.client.example", "A"] = ["192.0.2.2"]
    assert [host.name for host in await hosts(route(names))] == ["b.client.example"]


async def test_a_domain_with_neither_server_nor_address_fails(names: DnsServer) -> None:
    names.zone["client.example", "TXT"] = ['"no mail here"']
    error = await why(route(names))
    assert (error.code, error.enhanced) == (550, "5.4.4")
    names.zone["client.example", "MX"] = ["10 gone.example."]
    assert (await why(route(names))).enhanced == "5.4.4"


@pytest.mark.parametrize("domain", ["a..b", "x" * 64 + ".example", "[nonsense]", ".".join(["abcdefgh"] * 40)])
async def test_what_is_no_domain_name_fails(names: DnsServer, domain: str) -> None:
    error = await why(route(names), domain)
    assert (error.code, error.enhanced) == (550, "5.1.2")


@pytest.mark.parametrize(("domain", "address"), [("[192.0.2.7]", "192.0.2.7"), ("[ipv6:2001:db8::7]", "2001:db8::7")])
async def test_an_address_literal_needs_no_dns(names: DnsServer, domain: str, address: str) -> None:
    assert [host.address for host in await hosts(route(names), domain)] == [address]
    assert not names.asked


@pytest.mark.parametrize(
    "zone",
    [
        {("client.example", "MX"): ["10 mail.corp.example.", "20 b.client.example."]},
        {("client.example", "MX"): ["10 Mail.Corp.example."]},
        {("client.example", "MX"): ["10 a.client.example."], ("a.client.example", "A"): ["127.0.0.1"]},
        {("client.example", "A"): ["0.0.0.0"]},
        {("client.example", "AAAA"): ["::1"]},
    ],
)
async def test_mail_that_would_come_back_to_us_is_refused(
    names: DnsServer, zone: dict[tuple[str, str], list[str] | str]
) -> None:
    names.zone |= zone
    error = await why(route(names))
    assert (error.code, error.enhanced) == (554, "5.4.6")
    assert "loops back to myself" in error.text


async def test_a_backup_server_hands_on_only_to_better_ones(names: DnsServer) -> None:
    names.zone |= {
        ("client.example", "MX"): ["10 a.client.example.", "20 mail.corp.example.", "20 b.client.example."],
        ("a.client.example", "A"): ["192.0.2.1"],
    }
    assert [host.name for host in await hosts(route(names))] == ["a.client.example"]


# --- the same through the courier, with real servers ---


def direct(make_courier: MakeCourier, names: DnsServer, port: int, **more: object) -> Courier:
    return make_courier(mx=True, resolver=names.resolver(), mx_port=port, **{"loops_allowed": True, **more})


async def carry_one(courier: Courier) -> Outcome:
    (outcome,) = await courier.carry(parcel(courier))
    return outcome


def two_servers(names: DnsServer) -> None:
    names.zone |= {
        ("client.example", "MX"): ["10 a.client.example.", "20 b.client.example."],
        ("a.client.example", "A"): ["127.0.0.2"],
        ("b.client.example", "A"): ["127.0.0.3"],
    }


@pytest.mark.parametrize("banner", ["554 5.7.1 go away", "421 4.3.2 busy", "garbage"])
async def test_the_next_server_is_tried_when_one_does_not_take_us(
    names: DnsServer, start_peer: StartPeer, make_courier: MakeCourier, banner: str
) -> None:
    two_servers(names)
    first = await start_peer(host="127.0.0.2")
    second = await start_peer(host="127.0.0.3", port=first.port)
    first.answers["BANNER"] = banner
    outcome = await carry_one(direct(make_courier, names, first.port))
    assert (outcome.result, outcome.reply.remote) == (SENT, f"b.client.example[127.0.0.3]:{first.port}")
    assert (first.connections, len(second.arrived)) == (1, 1)


async def test_the_next_server_is_tried_when_one_is_down(
    names: DnsServer, start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    two_servers(names)
    second = await start_peer(host="127.0.0.3")
    courier = direct(make_courier, names, second.port)
    assert courier.destination("bob@client.example") == "mx:client.example"
    assert (await carry_one(courier)).result is SENT


async def test_the_next_server_is_tried_when_one_has_no_tls_that_can_be_trusted(
    names: DnsServer,
    start_peer: StartPeer,
    make_courier: MakeCourier,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    two_servers(names)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    first = await start_peer(*FULL, host="127.0.0.2")
    context = server_context(authority.issue_cert("b.client.example"))
    second = await start_peer(*FULL, "STARTTLS", tls=context, host="127.0.0.3", port=first.port)
    secure = {"tls": "starttls", "ca_file": str(tmp_path / "ca.pem")}
    assert (await carry_one(direct(make_courier, names, first.port, **secure))).result is SENT
    assert (first.connections, len(second.arrived)) == (1, 1)


async def test_all_servers_down_is_deferred_with_the_last_one_s_reason(
    names: DnsServer, make_courier: MakeCourier
) -> None:
    two_servers(names)
    outcome = await carry_one(direct(make_courier, names, 1))
    assert (outcome.result, outcome.reply.enhanced) == (DEFERRED, "4.4.1")
    assert "b.client.example[127.0.0.3]:1" in outcome.reply.text


async def test_a_refusal_of_the_mail_is_not_carried_to_the_next_server(
    names: DnsServer, start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    two_servers(names)
    first = await start_peer(host="127.0.0.2")
    second = await start_peer(host="127.0.0.3", port=first.port)
    first.answers["RCPT"] = "550 5.1.1 no such user"
    assert (await carry_one(direct(make_courier, names, first.port))).result is FAILED
    assert second.connections == 0


@pytest.mark.parametrize(
    ("zone", "result", "status"),
    [
        ({("client.example", "MX"): ["0 ."]}, FAILED, "556 5.1.10"),
        ({}, FAILED, "550 5.1.2"),
        ({("client.example", "MX"): SERVFAIL}, DEFERRED, "451 4.4.3"),
        ({("client.example", "MX"): ["10 mail.corp.example."]}, FAILED, "554 5.4.6"),
    ],
)
async def test_what_dns_says_is_an_outcome(
    names: DnsServer,
    make_courier: MakeCourier,
    zone: dict[tuple[str, str], list[str] | str],
    result: Result,
    status: str,
) -> None:
    names.zone |= zone
    outcome = await carry_one(direct(make_courier, names, 25, loops_allowed=False))
    assert outcome.result is result
    assert str(outcome.reply).startswith(status)


async def test_a_connection_to_an_address_of_this_machine_is_a_loop(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    """An own address that is no loopback address shows when both ends of the connection are the same."""
    peer = await start_peer()
    host = Host("a.client.example", "127.0.0.1", peer.port)
    with pytest.raises(Myself):
        await dial(host, Manner("mail.corp.example", None, None, refuse_myself=True))
    assert peer.commands == []


def test_only_strangers_servers_are_asked_whether_they_are_ourselves(make_courier: MakeCourier) -> None:
    """A smarthost on this machine is a lawful set-up, an MX on it a loop."""
    courier = make_courier(mx=True, routes={"corp.example": {"smarthost": "127.0.0.1:25", "tls": "none"}})
    assert [manner.refuse_myself for _, manner, _ in courier._manners] == [True, False]


async def test_strangers_are_spoken_to_in_tls_whoever_signed_their_certificate(
    names: DnsServer, start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    two_servers(names)
    context = server_context(trustme.CA().issue_cert("whatever.example"))
    peer = await start_peer(*FULL, "STARTTLS", tls=context, host="127.0.0.2")
    assert (await carry_one(direct(make_courier, names, peer.port))).result is SENT
    assert peer.verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]


@pytest.mark.parametrize("broken", ["454 4.7.0 no TLS now", "220 go\r\nno TLS record at all, sorry"])
async def test_a_stranger_whose_tls_is_broken_gets_the_mail_in_the_clear(
    names: DnsServer, start_peer: StartPeer, make_courier: MakeCourier, broken: str
) -> None:
    two_servers(names)
    peer = await start_peer(*FULL, "STARTTLS", host="127.0.0.2")
    peer.answers["STARTTLS"] = broken
    assert (await carry_one(direct(make_courier, names, peer.port))).result is SENT
    assert peer.connections == 2


async def test_tls_that_is_demanded_of_mx_hosts_is_checked(
    names: DnsServer, start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    two_servers(names)
    context = server_context(trustme.CA().issue_cert("a.client.example"))
    peer = await start_peer(*FULL, "STARTTLS", tls=context, host="127.0.0.2")
    assert (await carry_one(direct(make_courier, names, peer.port, tls="starttls"))).result is DEFERRED
    assert peer.arrived == []
