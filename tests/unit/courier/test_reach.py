"""Whether domains take mail: what DNS says in good time, what it does not say, and what is not asked twice."""

from collections.abc import AsyncIterator
from time import monotonic

import pytest

from mailguard.courier.courier import Courier
from mailguard.courier.lookup import Resolver
from mailguard.courier.reach import GOOD, QUIET
from mailguard.courier.settings import NextHop
from mailguard.records import Reach
from mailguard.testing import FakeClock
from tests.unit.courier.dns_server import NXDOMAIN, SERVFAIL, SILENT, DnsServer

HOP = NextHop.model_validate({
    "smarthost": "127.0.0.1:9", "tls": "none",
    "routes": {"routed.example": {"smarthost": "127.0.0.1:10", "tls": "none"}, "direct.example": {"mx": True}},
})  # fmt: skip


@pytest.fixture
async def names() -> AsyncIterator[DnsServer]:
    server = await DnsServer().start()
    server.zone["com", "NS"] = ["a.gtld-servers.net."]
    yield server
    await server.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def courier(names: DnsServer, clock: FakeClock) -> Courier:
    return Courier(HOP, clock, "mail.corp.example", names.resolver())


async def why(courier: Courier, domain: str, within: float = 2.0) -> str | None:
    """Why nothing arrives there; '' it does; None: not known."""
    found = await courier.reach([domain], within)
    return None if domain in found.silent else found.bad.get(domain, "")


async def test_a_domain_with_a_mail_server_or_an_address_of_its_own_takes_mail(
    names: DnsServer, courier: Courier
) -> None:
    names.zone |= {
        ("client.example", "MX"): ["10 mx.client.example.", "20 dead.client.example."],
        ("mx.client.example", "AAAA"): ["2001:db8::1"],
        ("plain.example", "A"): ["192.0.2.1"],
    }
    assert await courier.reach(["client.example", "plain.example"], 2.0) == Reach()


async def test_a_domain_that_takes_none_is_told_why(names: DnsServer, courier: Courier) -> None:
    names.zone |= {
        ("null.example", "MX"): ["0 ."],
        ("empty.example", "TXT"): ['"only words"'],
        ("dead.example", "MX"): ["10 mx.dead.example."],
    }
    assert await why(courier, "gone.example") == "the domain gone.example does not exist"
    assert await why(courier, "null.example") == "the domain null.example accepts no mail (null MX)"
    assert await why(courier, "empty.example") == "no mail server of empty.example has an address"
    assert await why(courier, "dead.example") == "no mail server of dead.example has an address"


@pytest.mark.parametrize("answer", [SERVFAIL, SILENT])
async def test_dns_that_does_not_say_is_not_known(names: DnsServer, clock: FakeClock, answer: str) -> None:
    names.zone |= {("client.example", "MX"): answer, ("half.example", "MX"): ["10 mx.half.example."]}
    names.zone |= {("mx.half.example", "A"): answer, ("good.example", "A"): ["192.0.2.1"]}
    courier = Courier(HOP, clock, "mail.corp.example", names.resolver(lifetime=0.3))
    found = await courier.reach(["client.example", "half.example", "good.example"], 2.0)
    assert found == Reach(silent=frozenset({"client.example", "half.example"}))


async def test_it_never_takes_longer_than_it_may(names: DnsServer, clock: FakeClock) -> None:
    names.zone |= {("slow.example", "MX"): SILENT, ("good.example", "A"): ["192.0.2.1"]}
    courier = Courier(HOP, clock, "mail.corp.example", names.resolver(lifetime=20))
    began = monotonic()
    found = await courier.reach(["slow.example", "good.example"], 0.3)
    assert monotonic() - began < 2
    assert found == Reach(silent=frozenset({"slow.example"}))


async def test_dns_that_is_silent_altogether_is_left_alone_for_a_minute(names: DnsServer, clock: FakeClock) -> None:
    names.zone |= {("slow.example", "MX"): SILENT, ("good.example", "A"): ["192.0.2.1"]}
    courier = Courier(HOP, clock, "mail.corp.example", names.resolver(lifetime=0.2))
    assert await why(courier, "slow.example") is None
    assert await why(courier, "good.example") is None
    assert names.asked["good.example", "MX"] == 0
    await clock.advance(QUIET + 1)
    assert await why(courier, "good.example") == ""


async def test_an_answer_is_believed_for_a_while(names: DnsServer, clock: FakeClock, courier: Courier) -> None:
    names.zone["client.example", "A"] = ["192.0.2.1"]
    assert await why(courier, "client.example") == ""
    names.zone = {("client.example", "MX"): NXDOMAIN, ("com", "NS"): ["a.gtld-servers.net."]}
    assert await why(courier, "client.example") == ""
    assert names.asked["client.example", "MX"] == 1
    await clock.advance(GOOD + 1)
    assert await why(courier, "client.example") == "the domain client.example does not exist"


async def test_a_resolver_that_knows_only_our_own_network_says_nothing_of_others(
    names: DnsServer, courier: Courier
) -> None:
    names.zone = {("corp.example", "A"): ["10.0.0.1"]}
    assert await why(courier, "client.example") is None


async def test_where_the_settings_say_where_mail_goes_dns_is_not_asked(names: DnsServer, courier: Courier) -> None:
    assert await courier.reach(["routed.example", "[192.0.2.1]", ""], 2.0) == Reach()
    assert not names.asked
    assert await why(courier, "direct.example") == "the domain direct.example does not exist"


async def test_a_machine_without_dns_is_harmless(clock: FakeClock) -> None:
    nowhere = Resolver(configure=False)
    courier = Courier(HOP, clock, "mail.corp.example", nowhere)
    assert await why(courier, "client.example") is None
