"""A wall clock that jumps: nothing leaves twice, early or never."""

import pytest

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, DELAY, HOLD, KIM, LEE, House, routes
from tests.unit.courier.peer import Peer

DAY = 86400


async def jump(house: House, seconds: float) -> None:
    """The administrator sets the clock; mailguard notices within a minute."""
    await house.quiet()
    house.clock.jump(seconds)
    await house.clock.advance(60)
    await house.quiet()


@pytest.mark.parametrize("seconds", [DAY, -DAY])
async def test_what_was_sent_is_not_sent_again(open_house: OpenHouse, seconds: int) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send([KIM, LEE])
    await house.wait(minutes=6)
    await jump(house, seconds)
    await house.wait(days=3)
    assert len(house.arrived(KIM)) == len(house.arrived(LEE)) == 1
    assert set((await house.states(queue_id)).values()) == {State.SENT}


async def test_a_clock_set_back_makes_nothing_leave_early_and_nothing_twice(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.send()
    await house.wait(minutes=2)
    await jump(house, -DAY)
    await house.wait(hours=23)
    assert not house.arrived(KIM), "its instant has not come yet"
    await house.wait(hours=1, minutes=5)
    assert len(house.arrived(KIM)) == 1
    await house.wait(days=2)
    assert len(house.arrived(KIM)) == 1


async def test_a_clock_set_forward_lets_go_once_what_is_due_by_then(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.send()
    await jump(house, DAY)
    assert len(house.arrived(KIM)) == 1
    await jump(house, -DAY)
    await house.wait(days=2)
    assert len(house.arrived(KIM)) == 1


async def test_a_hold_ends_once_whichever_way_the_clock_jumps(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD.replace("24h", "24h, on_expiry: send"))
    queue_id = await house.send()
    await jump(house, -DAY)
    await house.wait(hours=30)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    await jump(house, DAY)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    await jump(house, -DAY)
    await house.wait(days=3)
    assert len(house.arrived(KIM)) == 1
    assert [n.subject for n in house.notices(ANN)].count("Sent after waiting: Quote") == 1


@pytest.mark.parametrize("seconds", [DAY, -DAY])
async def test_notices_are_not_told_again(open_house: OpenHouse, seconds: int) -> None:
    house = await open_house(rules=HOLD)
    await house.send()
    await house.quiet()
    await jump(house, seconds / 4)
    assert [n.subject for n in house.notices(ANN)] == ["Held: Quote"]


@pytest.mark.parametrize("seconds", [DAY, -DAY])
async def test_what_is_on_the_wire_while_the_clock_jumps_arrives_once(
    open_house: OpenHouse, peer: Peer, seconds: int
) -> None:
    """A day ahead its lease is long over by the clock, but it is still being carried."""
    house = await open_house(rules=DELAY, config=routes(client_example=peer.port))
    queue_id = await house.send()
    await house.quiet()
    peer.slow.clear()
    await house.clock.advance(300)
    await peer.started.wait()
    assert (await house.copy(queue_id, KIM)).state is State.SENDING
    house.clock.jump(seconds)
    for _ in range(6):  # past the next housekeeping, with rounds in between
        await house.clock.advance(60)
        await house.look_again()
    peer.slow.set()
    await house.wait(days=2)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert len(peer.arrived) == 1


async def test_a_retry_goes_on_after_a_jump_and_gives_up_no_earlier_than_it_must(
    open_house: OpenHouse, peer: Peer
) -> None:
    house = await open_house(rules=DELAY, config=routes(client_example=peer.port))
    peer.answers["RCPT"] = "451 4.2.0 later"
    queue_id = await house.send()
    await house.wait(minutes=10)
    await jump(house, DAY)
    assert (await house.copy(queue_id, KIM)).state is State.QUEUED
    peer.answers.clear()
    await house.wait(hours=7)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert len(peer.arrived) == 1


async def test_bytes_are_purged_in_time_though_the_clock_was_set_back(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    await house.wait(days=7)
    await jump(house, -30)
    assert not (await house.mail(queue_id)).purged
    await house.wait(minutes=6)
    assert (await house.mail(queue_id)).purged


async def test_housekeeping_goes_on_at_once_when_the_clock_was_a_year_ahead(open_house: OpenHouse) -> None:
    """Set right again, the files are not left alone until next year."""
    house = await open_house(rules=DELAY)
    house.clock.jump(365 * DAY)
    await house.look_again()
    await jump(house, -365 * DAY)
    queue_id = await house.send()
    await house.wait(days=8)
    assert (await house.mail(queue_id)).purged
