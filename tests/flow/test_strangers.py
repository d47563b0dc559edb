"""Recipients nobody should write to, through the whole service: DNS is asked in time, the past is real."""

from collections.abc import AsyncIterator
from time import monotonic

import pytest

from mailguard.courier.reach import Reaches
from mailguard.courier.route import Route
from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, KIM, LEE, House
from tests.unit.courier.dns_server import SILENT, DnsServer

GONE = "kim@gone.example"
DEAD = """
version: 1
rules:
  - {id: dead, when: {recipients: {any: {all: [external, undeliverable]}}}, then: [{hold: sender_confirms}]}
"""
LIKE = """
version: 1
rules:
  - {id: like, when: {recipients: {any: [lookalike, namesake]}}, then: [{hold: sender_confirms}]}
"""


@pytest.fixture
async def names() -> AsyncIterator[DnsServer]:
    server = await DnsServer().start()
    server.zone |= {("com", "NS"): ["a.gtld-servers.net."], ("client.example", "A"): ["192.0.2.1"]}
    yield server
    await server.stop()


def asks(house: House, names: DnsServer, lifetime: float = 2.0) -> None:
    """The house's courier asks these servers."""
    route = Route("mail.corp.example", names.resolver(lifetime))
    house.service.courier._reaches = Reaches(route, lambda _: False, house.clock)


async def held(house: House, *to: str, **more: str) -> list[str]:
    """Why a mail to these is held."""
    mail = await house.mail(await house.send(list(to), **more))
    return [hold.reason for hold in mail.holds]


async def test_a_mail_to_a_domain_that_does_not_exist_is_held_before_it_bounces(
    open_house: OpenHouse, names: DnsServer
) -> None:
    house = await open_house(rules=DEAD)
    asks(house, names)
    assert await held(house, KIM, GONE) == [f"{GONE}: the domain gone.example does not exist"]
    assert await held(house, KIM, LEE) == []
    await house.quiet()
    assert house.arrived(KIM)


async def test_mail_inside_asks_no_dns(open_house: OpenHouse, names: DnsServer) -> None:
    house = await open_house(rules=DEAD)
    asks(house, names)
    assert await held(house, BOB) == []
    assert not names.asked


async def test_dns_that_says_nothing_holds_nothing(open_house: OpenHouse, names: DnsServer) -> None:
    house = await open_house(rules=DEAD, config={"smtp": {"limits": {"decide": "1s"}}})
    names.zone["client.example", "MX"] = SILENT
    asks(house, names, lifetime=20)
    began = monotonic()
    queue_id = await house.send([KIM])
    assert monotonic() - began < 5
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert await held(house, KIM) == []


async def test_a_slip_of_a_domain_really_written_to_is_held_and_the_right_one_never(open_house: OpenHouse) -> None:
    house = await open_house(rules=LIKE)
    for number in range(4):
        assert await held(house, "anna.kowalska@partner.example", subject=f"Week {number}") == []
    await house.quiet()
    (said,) = await held(house, "anna.kowalska@partmer.example", subject="Week 4")
    assert "the domain looks like partner.example, which you wrote to 4 times" in said
    (said,) = await held(house, "anna.kowalska@rival.example", subject="Week 5")
    assert "you wrote to anna.kowalska@partner.example 4 times" in said
    assert await held(house, "anna.kowalska@partner.example", subject="Week 6") == []


async def test_what_others_here_write_to_is_read_again_after_a_while(open_house: OpenHouse) -> None:
    house = await open_house(rules=LIKE)
    assert await held(house, "kim@partmer.example", sender=BOB) == []
    for number in range(6):
        await house.send(["kim@partner.example"], sender=ANN, subject=f"Week {number}")
    await house.quiet()
    assert await held(house, "kim@partmer.example", sender=LEE) == []
    await house.wait(minutes=61)
    (said,) = await held(house, "kim@partmer.example", sender=LEE)
    assert "which was written to 6 times from here" in said
