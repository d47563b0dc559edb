"""FUTURERELEASE (RFC 4865): a client's own send-later, beside what the rules want."""

from datetime import timedelta

import pytest

from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, HOLD, KIM, House, letter

HOLD_AND_DELAY = HOLD + "  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 3h}]}\n"


async def hours_until_arrival(house: House, person: str, at_most: float = 12) -> float:
    start = house.clock.now()
    await house.wait(hours=at_most)
    (arrived,) = house.arrived(person)
    return (arrived.at - start) / timedelta(hours=1)


@pytest.mark.parametrize("seconds", [60, 7200])
async def test_the_later_of_the_clients_and_the_rules_time_counts(open_house: OpenHouse, seconds: int) -> None:
    house = await open_house(rules=DELAY)
    await house.submit(letter(), mail=[f"HOLDFOR={seconds}"])
    assert await hours_until_arrival(house, KIM) == pytest.approx(max(300, seconds) / 3600, abs=1e-4)


async def test_a_time_of_day_works_as_well_and_needs_no_rule(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    until = (house.clock.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (await house.submit(letter(to=BOB), [BOB], mail=[f"HOLDUNTIL={until}"])).code == 250
    assert await hours_until_arrival(house, BOB) == pytest.approx(2, abs=1e-3)


async def test_releasing_a_hold_keeps_the_clients_time_and_drops_the_rules(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD_AND_DELAY)
    await house.submit(letter(), mail=["HOLDFOR=3600"])
    await house.press(await house.link(ANN, "Held: Quote"), "send", confirm=KIM)
    assert await hours_until_arrival(house, KIM) == pytest.approx(1, abs=1e-3)


async def test_a_client_time_that_passed_while_it_was_held_holds_nothing_up(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await house.submit(letter(), mail=["HOLDFOR=3600"])
    link = await house.link(ANN, "Held: Quote")
    await house.wait(hours=2)
    await house.press(link, "send", confirm=KIM)
    assert await hours_until_arrival(house, KIM) == pytest.approx(0, abs=1e-3)


async def test_send_now_of_a_mail_that_only_waits_drops_both_times(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.submit(letter(), mail=["HOLDFOR=7200"])
    await house.press(await house.link(ANN, "Leaves "), "send", confirm=KIM)
    assert await hours_until_arrival(house, KIM) == pytest.approx(0, abs=1e-3)


async def test_a_send_later_mail_can_be_stopped_and_cancelled_like_any_other(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    raw = letter(to=BOB)
    queue_id = (await house.submit(raw, [BOB], mail=["HOLDFOR=7200"])).queue_id
    link = await house.link(ANN, "Leaves ")
    await house.press(link, "stop")
    await house.press(link, "cancel", confirm=queue_id)
    assert raw in (await house.notice(ANN, "Not sent: Quote")).raw
    await house.wait(hours=12)
    assert not house.arrived(BOB)


async def test_a_time_too_far_away_is_refused(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    assert (await house.submit(letter(), mail=["HOLDFOR=999999999"])).code // 100 == 5


async def test_holdfor_survives_a_restart(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.submit(letter(to=BOB), [BOB], mail=["HOLDFOR=7200"])
    await house.restart()
    assert await hours_until_arrival(house, BOB) == pytest.approx(2, abs=1e-3)
