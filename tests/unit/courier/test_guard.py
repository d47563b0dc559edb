"""What other domains demand of our TLS: MTA-STS and DANE, with real DNS, a real web server and real mail servers."""

import asyncio
import hashlib
import io
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from asn1crypto import pem, x509

from mailguard.courier.courier import Courier
from mailguard.courier.lookup import Lookup
from mailguard.courier.settings import NextHop
from mailguard.courier.sts import Policies, parse
from mailguard.log import Log
from mailguard.records import Outcome, Result
from mailguard.testing import FakeClock
from tests.unit.courier.conftest import FULL, QUICK, StartPeer, parcel, server_context
from tests.unit.courier.dns_server import SERVFAIL, DnsServer
from tests.unit.courier.peer import Peer

SENT, DEFERRED = Result.SENT, Result.DEFERRED
ENFORCE = "version: STSv1\nmode: enforce\nmx: mx.client.example\nmx: *.backup.example\nmax_age: 86400\n"


@dataclass
class Web:
    """An HTTPS server for one file."""

    text: str = ENFORCE
    status: str = "200 OK"
    kind: str = "text/plain; charset=utf-8"
    port: int = 0
    asked: list[str] = field(default_factory=list)
    server: asyncio.Server | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            body = self.text.encode()
            head = f"HTTP/1.1 {self.status}\r\nContent-Type: {self.kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@dataclass
class World:
    """client.example: its DNS, its web server, and who delivers to it."""

    names: DnsServer
    web: Web
    authority: trustme.CA
    clock: FakeClock
    start_peer: StartPeer
    folder: Path
    said: io.StringIO = field(default_factory=io.StringIO)
    couriers: list[Courier] = field(default_factory=list)
    port: int = 0  # of the mail server

    async def server(self, certificate: trustme.LeafCert | ssl.SSLContext | None, *offers: str) -> Peer:
        """The mail server of client.example; None: without TLS."""
        context = certificate if isinstance(certificate, ssl.SSLContext) else None
        if isinstance(certificate, trustme.LeafCert):
            context = server_context(certificate)
        peer = await self.start_peer(*FULL, *(["STARTTLS"] if context else []), *offers, tls=context)
        self.names.zone["client.example", "MX"] = ["10 mx.client.example."]
        self.names.zone["mx.client.example", "A"] = ["127.0.0.1"]
        self.port = peer.port
        return peer

    def policy(self, text: str = ENFORCE, name: str = "1") -> None:
        self.web.text = text
        self.names.zone["_mta-sts.client.example", "TXT"] = [f'"v=STSv1; id={name};"']
        self.names.zone["mta-sts.client.example", "A"] = ["127.0.0.1"]

    def courier(self, **more: object) -> Courier:
        """Who trusts the authority, for mail and for the web; `dnssec=True`: and the DNS server's AD bit."""
        self.authority.cert_pem.write_to_path(str(self.folder / "ca.pem"))
        validating = f"127.0.0.1:{self.names.port}" if more.pop("dnssec", False) else None
        lookup = Lookup(self.names.resolver(), validating)
        trust = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        log = Log(stream=self.said)
        policies = Policies(lookup, self.clock, log, self.folder / "policies", port=self.web.port, context=trust)
        settings = NextHop.model_validate({"mx": True, "ca_file": str(self.folder / "ca.pem"), **more})
        made = Courier(
            settings, self.clock, "mail.corp.example", lookup, timeouts=QUICK, mx_port=self.port, loops_allowed=True,
            policies=policies, log=log,
        )  # fmt: skip
        self.couriers.append(made)
        return made

    async def send(self, courier: Courier | None = None, **more: object) -> Outcome:
        courier = courier or self.courier(**more)
        (outcome,) = await courier.carry(parcel(courier))
        return outcome

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.said.getvalue().splitlines()]


@pytest.fixture
async def world(start_peer: StartPeer, clock: FakeClock, tmp_path: Path, authority: trustme.CA) -> AsyncIterator[World]:
    names, web = await DnsServer().start(), Web()
    leaf = authority.issue_cert("mta-sts.client.example")
    web.server = await asyncio.start_server(web.serve, "127.0.0.1", 0, ssl=server_context(leaf))
    web.port = web.server.sockets[0].getsockname()[1]
    found = World(names, web, authority, clock, start_peer, tmp_path)
    yield found
    for courier in found.couriers:
        await courier.close()
    web.server.close()
    await web.server.wait_closed()
    await names.stop()


def good(world: World) -> trustme.LeafCert:
    return world.authority.issue_cert("mx.client.example")


# --- MTA-STS --------------------------------------------------------------------------------------


async def test_a_policy_is_fetched_once_and_met(world: World) -> None:
    peer = await world.server(good(world))
    world.policy()
    courier = world.courier()
    assert [(await world.send(courier)).result for _ in range(2)] == [SENT, SENT]
    await courier.close()
    assert (await world.send(courier)).result is SENT
    assert peer.verbs.count("STARTTLS") == 2
    (request,) = world.web.asked
    assert request.startswith("GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.client.example\r\n")
    (event,) = world.events()
    assert (event["event"], event["rcpt_domains"], event["mode"]) == ("mta_sts.learnt", ["client.example"], "enforce")


Break = Callable[[World], Awaitable[Peer]]


async def _plain(world: World) -> Peer:
    return await world.server(None)


async def _stranger(world: World) -> Peer:
    return await world.server(trustme.CA().issue_cert("mx.client.example"))


async def _other_name(world: World) -> Peer:
    return await world.server(world.authority.issue_cert("other.example"))


async def _expired(world: World) -> Peer:
    ended = datetime.now(UTC) - timedelta(days=1)
    return await world.server(world.authority.issue_cert("mx.client.example", not_after=ended))


async def _not_in_policy(world: World) -> Peer:
    peer = await world.server(world.authority.issue_cert("evil.example"))
    world.names.zone["client.example", "MX"] = ["10 evil.example."]
    world.names.zone["evil.example", "A"] = ["127.0.0.1"]
    return peer


async def _refused(world: World) -> Peer:
    peer = await world.server(good(world))
    peer.answers["STARTTLS"] = "454 4.7.0 not now"
    return peer


BROKEN = [_plain, _stranger, _other_name, _expired, _not_in_policy, _refused]


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_a_policy_enforces_is_never_gone_below(world: World, broken: Break) -> None:
    peer = await broken(world)
    world.policy()
    outcome = await world.send()
    assert outcome.result is DEFERRED
    assert outcome.reply.enhanced in ("4.7.4", "4.7.5"), outcome
    assert peer.arrived == []
    assert "MAIL" not in peer.verbs


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_policy_that_is_tested_is_logged_and_the_mail_leaves(world: World, broken: Break) -> None:
    peer = await broken(world)
    world.policy(ENFORCE.replace("enforce", "testing"))
    assert (await world.send()).result is SENT
    assert len(peer.arrived) == 1
    (event,) = [one for one in world.events() if one["event"] == "mta_sts.unmet"]
    assert event["error"]
    assert event["mode"] == "testing"


@pytest.mark.parametrize("broken", BROKEN)
async def test_without_a_policy_broken_tls_is_as_good_as_none(world: World, broken: Break) -> None:
    await broken(world)
    assert (await world.send()).result is SENT
    assert world.events() == []


async def test_the_next_server_is_tried_when_one_does_not_meet_the_policy(world: World) -> None:
    peer = await world.server(good(world))
    world.names.zone["client.example", "MX"] = ["5 evil.example.", "10 mx.client.example."]
    world.names.zone["evil.example", "A"] = ["127.0.0.1"]
    world.policy()
    assert (await world.send()).result is SENT
    assert peer.connections == 1


async def test_a_known_policy_outlives_dns_the_web_server_and_a_restart(world: World) -> None:
    await world.server(good(world))
    world.policy()
    assert (await world.send()).result is SENT
    bad = await _plain(world)
    world.names.zone["_mta-sts.client.example", "TXT"] = SERVFAIL
    assert (await world.send()).result is DEFERRED, "read from the file"
    world.names.zone["_mta-sts.client.example", "TXT"] = ['"v=STSv1; id=2;"']
    world.web.status = "500 Oh"
    assert (await world.send()).result is DEFERRED
    assert world.events()[-1] | {"ts": "", "level": ""} == {
        "ts": "", "level": "", "event": "mta_sts.unread", "rcpt_domains": ["client.example"], "mode": "kept",
        "error": "answered 500",
    }  # fmt: skip
    del world.names.zone["_mta-sts.client.example", "TXT"]
    assert (await world.send()).result is DEFERRED
    assert bad.arrived == []
    await world.clock.advance(86_400)
    assert (await world.send()).result is SENT, "max_age is over"


async def test_a_new_id_brings_the_new_policy(world: World) -> None:
    await world.server(good(world))
    world.policy()
    courier = world.courier()
    assert (await world.send(courier)).result is SENT
    world.policy("version: STSv1\nmode: none\nmax_age: 86400\n", "2")
    await courier.close()
    await _stranger(world)
    assert (await world.send()).result is SENT
    assert [one["mode"] for one in world.events()] == ["enforce", "none"]


@pytest.mark.parametrize(
    "fault", ["redirect", "certificate", "html", "huge", "nonsense", "absent", "two records", "no id"]
)
async def test_a_policy_that_can_not_be_had_is_none(world: World, fault: str) -> None:
    await world.server(None)
    world.policy()
    if fault == "redirect":
        world.web.status = "301 Moved\r\nLocation: /x"
    elif fault == "certificate":
        world.names.zone["client.example", "MX"] = ["10 mx.client.example."]
        world.authority = trustme.CA()
    elif fault == "html":
        world.web.kind = "text/html"
    elif fault == "huge":
        world.web.text = ENFORCE + "x" * (64 << 10)
    elif fault == "nonsense":
        world.web.text = "404"
    elif fault == "absent":
        del world.names.zone["mta-sts.client.example", "A"]
    elif fault == "two records":
        world.names.zone["_mta-sts.client.example", "TXT"] = ['"v=STSv1; id=1;"', '"v=STSv1; id=2;"']
    elif fault == "no id":
        world.names.zone["_mta-sts.client.example", "TXT"] = ['"v=STSv1;"']
    courier = world.courier()
    for _ in range(2):
        assert (await world.send(courier)).result is SENT
        await courier.close()
    unread = [one for one in world.events() if one["event"] == "mta_sts.unread"]
    assert len(unread) == (0 if fault in ("two records", "no id") else 1), "not at every mail"


async def test_mta_sts_can_be_switched_off(world: World) -> None:
    await world.server(None)
    world.policy()
    courier = Courier(
        NextHop(mx=True, mta_sts=False), world.clock, "mail.corp.example", world.names.resolver(), timeouts=QUICK,
        mx_port=world.port, loops_allowed=True,
    )  # fmt: skip
    world.couriers.append(courier)
    assert (await world.send(courier)).result is SENT
    assert world.names.asked["_mta-sts.client.example", "TXT"] == 0


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mx.client.example", True),
        ("MX.Client.Example.", True),
        ("a.backup.example", True),
        ("a.b.backup.example", False),
        ("backup.example", False),
        ("xmx.client.example", False),
    ],
)
def test_which_servers_a_policy_allows(host: str, allowed: bool) -> None:
    assert parse(ENFORCE, "1", datetime.now(UTC)).allows(host) is allowed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ENFORCE.replace("STSv1", "STSv2"), "version"),
        (ENFORCE.replace("enforce", "always"), "mode"),
        (ENFORCE.replace("86400", "soon"), "max_age"),
        ("version: STSv1\nmode: enforce\nmax_age: 1\n", "mx"),
        ("", "version"),
    ],
)
def test_a_policy_that_is_none(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(text, "1", datetime.now(UTC))


# --- DANE -----------------------------------------------------------------------------------------


def der(blob: trustme.Blob) -> bytes:
    return bytes(pem.unarmor(blob.bytes())[2])


def tlsa(usage: int, selector: int, matching: int, certificate: bytes) -> str:
    part = bytes(x509.Certificate.load(certificate).public_key.dump()) if selector else certificate
    made = {0: part, 1: hashlib.sha256(part).digest(), 2: hashlib.sha512(part).digest()}[matching]
    return f"{usage} {selector} {matching} {made.hex()}"


async def secured(world: World, certificate: trustme.LeafCert | ssl.SSLContext | None, *records: str) -> Peer:
    peer = await world.server(certificate)
    world.names.secure = True
    world.names.zone[f"_{peer.port}._tcp.mx.client.example", "TLSA"] = list(records)
    return peer


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
async def test_a_server_s_own_certificate_is_vouched_for_whoever_signed_it(
    world: World, selector: int, matching: int
) -> None:
    leaf = trustme.CA().issue_cert("whatever.example", not_after=datetime.now(UTC) - timedelta(days=9))
    peer = await secured(world, leaf, tlsa(3, selector, matching, der(leaf.cert_chain_pems[0])))
    assert (await world.send(dnssec=True)).result is SENT
    assert peer.verbs.count("STARTTLS") == 1


def chained(name: str, *, shown: bool = True) -> tuple[ssl.SSLContext, bytes]:
    """A server that shows an intermediate authority, which the anchor is; `shown` False: it keeps that to itself."""
    between = trustme.CA().create_child_ca()
    leaf = between.issue_cert(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if shown:
        leaf.configure_cert(context)
    else:
        with leaf.private_key_pem.tempfile() as key, leaf.cert_chain_pems[0].tempfile() as own:
            context.load_cert_chain(own, key)
    return context, der(between.cert_pem)


@pytest.mark.parametrize("selector", [0, 1])
async def test_an_authority_is_vouched_for(world: World, selector: int) -> None:
    context, anchor = chained("mx.client.example")
    await secured(world, context, tlsa(2, selector, 1, anchor))
    assert (await world.send(dnssec=True)).result is SENT


async def test_an_authority_that_stands_whole_in_dns_need_not_be_shown(world: World) -> None:
    context, anchor = chained("mx.client.example", shown=False)
    await secured(world, context, tlsa(2, 0, 0, anchor))
    assert (await world.send(dnssec=True)).result is SENT


async def test_an_authority_vouches_for_the_right_name_only(world: World) -> None:
    context, anchor = chained("other.example")
    peer = await secured(world, context, tlsa(2, 0, 1, anchor))
    outcome = await world.send(dnssec=True)
    assert (outcome.result, outcome.reply.enhanced, peer.arrived) == (DEFERRED, "4.7.5", [])


@pytest.mark.parametrize("usage", [2, 3])
async def test_another_certificate_than_dns_vouches_for_is_never_sent_to(world: World, usage: int) -> None:
    """It is one that the whole world trusts, and a policy would allow it: DANE outranks both."""
    other = der(trustme.CA().cert_pem)
    peer = await secured(world, good(world), tlsa(usage, 1, 1, other))
    world.policy()
    outcome = await world.send(dnssec=True)
    assert (outcome.result, outcome.reply.enhanced, peer.arrived) == (DEFERRED, "4.7.5", [])
    assert "TLSA" in outcome.reply.text


async def test_a_server_with_tlsa_and_without_starttls_is_never_sent_to(world: World) -> None:
    peer = await secured(world, None, tlsa(3, 1, 1, der(trustme.CA().cert_pem)))
    assert (await world.send(dnssec=True)).result is DEFERRED
    assert peer.verbs == ["EHLO"]


async def test_dane_is_enough_where_a_policy_would_refuse(world: World) -> None:
    leaf = trustme.CA().issue_cert("mx.client.example")
    await secured(world, leaf, tlsa(3, 1, 1, der(leaf.cert_chain_pems[0])))
    world.policy()
    assert (await world.send(dnssec=True)).result is SENT


async def test_dns_that_does_not_say_whether_there_is_tlsa_keeps_the_mail(world: World) -> None:
    peer = await secured(world, good(world))
    world.names.zone[f"_{peer.port}._tcp.mx.client.example", "TLSA"] = SERVFAIL
    outcome = await world.send(dnssec=True)
    assert (outcome.result, peer.connections) == (DEFERRED, 0)


async def test_records_that_nobody_can_use_ask_for_encryption_alone(world: World) -> None:
    peer = await secured(world, trustme.CA().issue_cert("x.example"), tlsa(1, 0, 1, der(trustme.CA().cert_pem)))
    assert (await world.send(dnssec=True)).result is SENT
    assert "STARTTLS" in peer.verbs
    other = await secured(world, None, tlsa(0, 0, 1, der(trustme.CA().cert_pem)))
    assert (await world.send(dnssec=True)).result is DEFERRED
    assert other.arrived == []


@pytest.mark.parametrize("lost", ["the resolver is not trusted", "the zone is not signed"])
async def test_records_that_nobody_vouches_for_are_none(world: World, lost: str) -> None:
    await secured(world, good(world), tlsa(3, 1, 1, der(trustme.CA().cert_pem)))
    world.names.secure = lost == "the resolver is not trusted"
    assert (await world.send(dnssec=lost == "the zone is not signed")).result is SENT


@pytest.mark.parametrize("server", ["192.0.2.1:53", "localhost:53", "8.8.8.8:53"])
def test_a_resolver_across_a_network_is_not_trusted(server: str) -> None:
    with pytest.raises(ValueError, match="not on this machine"):
        NextHop(mx=True, dnssec_resolver=server)
