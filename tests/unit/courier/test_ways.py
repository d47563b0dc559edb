from dataclasses import replace
from typing import Any

import pytest

from mailguard.courier.settings import NextHop
from mailguard.courier.ways import Ways
from mailguard.records import Result
from tests.unit.courier.conftest import MakeCourier, StartPeer, parcel

ROUTES: dict[str, Any] = {
    "smarthost": "smtp.corp.example:587",
    "routes": {
        "corp.example": {"smarthost": "exchange.corp.example:25", "tls": "none"},
        "*.corp.example": {"smarthost": "inner.corp.example:25"},
        "*.lab.corp.example": {"mx": True},
        "partner.example": {"mx": True, "tls": "starttls"},
    },
}


@pytest.mark.parametrize(
    ("address", "destination"),
    [
        ("ann@corp.example", "exchange.corp.example:25"),
        ("ann@CORP.Example", "exchange.corp.example:25"),
        ("ann@sales.corp.example", "inner.corp.example:25"),
        ("ann@x.lab.corp.example", "mx:x.lab.corp.example"),
        ("ann@lab.corp.example", "inner.corp.example:25"),
        ("ann@notcorp.example", "smtp.corp.example:587"),
        ("bob@partner.example", "mx:partner.example"),
        ("bob@sub.partner.example", "smtp.corp.example:587"),
        ("bob@client.example", "smtp.corp.example:587"),
    ],
)
def test_a_destination_follows_from_the_address_and_leads_back_to_its_settings(address: str, destination: str) -> None:
    ways = Ways(NextHop.model_validate(ROUTES))
    assert ways.destination(address) == destination
    hop = ways.hop(destination)
    assert hop is not None
    assert hop.smarthost == (None if destination.startswith("mx:") else destination)


def test_an_international_domain_is_looked_up_by_its_ascii_name() -> None:
    assert Ways(NextHop(mx=True)).destination("ann@ŻÓŁW.example") == "mx:xn--w-uga1v8h.example"


@pytest.mark.parametrize("destination", ["gone.example:25", "mx:client.example"])
def test_a_destination_no_route_leads_to_any_more_has_no_settings(destination: str) -> None:
    assert Ways(NextHop.model_validate(ROUTES)).hop(destination) is None


async def test_mail_of_a_route_that_is_gone_takes_today_s_way(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    general, special = await start_peer(), await start_peer()
    routes = {"special.example": {"smarthost": f"127.0.0.1:{special.port}", "tls": "none"}}
    courier = make_courier(general, routes=routes)
    letter = parcel(courier, "a@special.example", "b@client.example", "c@special.example")
    outcomes = await courier.carry(replace(letter, destination="old.example:25"))
    assert [outcome.result for outcome in outcomes] == [Result.SENT] * 3
    assert general.arrived[0].rcpts == ["RCPT TO:<b@client.example>"]
    assert special.arrived[0].rcpts == ["RCPT TO:<a@special.example>", "RCPT TO:<c@special.example>"]


async def test_an_address_without_a_domain_fails_where_a_domain_is_needed(make_courier: MakeCourier) -> None:
    courier = make_courier(mx=True)
    (outcome,) = await courier.carry(parcel(courier, "postmaster"))
    assert (outcome.result, outcome.reply.enhanced) == (Result.FAILED, "5.1.3")


async def test_a_smarthost_without_an_address_is_deferred(make_courier: MakeCourier) -> None:
    courier = make_courier(smarthost="no-such-host.invalid:25", tls="none")
    (outcome,) = await courier.carry(parcel(courier))
    assert (outcome.result, outcome.reply.enhanced) == (Result.DEFERRED, "4.4.3")
    assert "no-such-host.invalid" in outcome.reply.text
