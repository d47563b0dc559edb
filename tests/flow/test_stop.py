"""Stopped in time or too late: by its sender, by somebody else, by a machine, and against the timer."""

import asyncio
from functools import partial

import pytest

from mailguard.admin import client
from mailguard.records import HoldKind, State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, ASSISTANT, BOB, BOSS, CEO, DELAY, KIM


async def test_one_press_stops_it_for_a_day_and_then_it_comes_back(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    assert (await house.press(await house.link(ANN, "Leaves "), "stop")).status == 200
    (hold,) = (await house.mail(queue_id)).open_holds
    assert hold.kind is HoldKind.STOPPED
    await house.wait(hours=23.9)
    assert not house.arrived(KIM)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    await house.wait(hours=0.2)
    assert (await house.copy(queue_id, KIM)).state is State.CANCELLED
    returned = await house.notice(ANN, "Not sent: Quote")
    assert any(part.get_content_type() == "message/rfc822" for part in returned.message.iter_attachments())


async def test_one_press_of_the_sender_undoes_a_stop(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.send()
    link = await house.link(ANN, "Leaves ")
    await house.press(link, "stop")
    assert (await house.press(link, "send", confirm=KIM)).status == 200
    await house.wait(minutes=6)
    assert len(house.arrived(KIM)) == 1


async def test_stopping_twice_is_no_error_and_asks_once(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    link = await house.link(ANN, "Leaves ")
    answers = [await house.press(link, "stop") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert len((await house.mail(queue_id)).holds) == 1
    await house.quiet()
    assert [n.subject for n in house.notices(ANN)].count("Stopped: Quote") == 1


async def test_a_robot_that_opens_links_and_presses_stop_makes_the_sender_know(open_house: OpenHouse) -> None:
    """The most a machine can do with a link is stop; it is said by whom, and one press of a person undoes it."""
    house = await open_house()
    queue_id = await house.send([CEO])
    link = await house.link(ASSISTANT, "Leaves ")
    for verb in ("send", "drop", "cancel", "stop"):
        await house.page(link)
        await house.post(link, verb, "", confirm=[CEO, queue_id], recipient=CEO)
    stopped = await house.notice(ANN, "Stopped: Quote")
    assert ASSISTANT in stopped.text
    assert (await house.copy(queue_id, CEO)).state is State.HELD
    link = await house.link(ANN, "Stopped: Quote")
    page = await house.page(link)
    assert f"Stopped by {ASSISTANT}" in page.words
    assert (await house.press(link, "send", confirm=CEO)).status == 200
    await house.quiet()
    assert len(house.arrived(CEO)) == 1


async def test_looking_never_acts(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    link = await house.link(ANN, "Leaves ")
    before = await house.mail(queue_id)
    for path in ("", "/stop", "/send", "/drop", "/cancel"):
        for _ in range(2):
            assert (await house.page(link + path)).status == 200
    assert await house.mail(queue_id) == before


async def test_stop_after_it_left_says_when_it_left(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    link = await house.link(ANN, "Leaves ")
    await house.wait(minutes=7)
    page = await house.press(link, "stop")
    assert page.status == 200
    assert "Left" in page.words
    assert "10:05" in page.words, "09:05 UTC is 10:05 in Warsaw"
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_cancel_and_drop_after_it_left_say_the_same(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send([KIM, BOB])
    link = await house.link(ANN, "Leaves ")
    seen = house.seen(await house.page(link))
    await house.wait(minutes=7)
    for verb in ("cancel", "drop", "send"):
        page = await house.post(link, verb, seen, confirm=[queue_id, KIM], recipient=KIM)
        assert page.status == 200
        assert "10:05" in page.words
    await house.quiet()
    assert set((await house.states(queue_id)).values()) == {State.SENT}
    assert "Not sent: Quote" not in [n.subject for n in house.notices(ANN)], "nothing comes back that has left"


@pytest.mark.parametrize("late", [-1.0, 0.0, 1.0])
async def test_the_timer_and_a_stop_have_one_winner_and_the_loser_hears_it(open_house: OpenHouse, late: float) -> None:
    """A second early, at the very moment, a second late."""
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    link = await house.link(ANN, "Leaves ")
    await house.clock.advance(299)
    if late > 0:
        await house.wait(seconds=1)
    _, page = await asyncio.gather(house.clock.advance(1 + late), house.post(link, "stop", ""))
    house.service.scheduler.wake()
    await house.quiet()
    state = (await house.copy(queue_id, KIM)).state
    assert state in {-1.0: [State.HELD], 0.0: [State.HELD, State.SENT], 1.0: [State.SENT]}[late]
    assert state is (State.SENT if house.arrived(KIM) else State.HELD)
    page = await house.page(link)
    assert ("Held" in page.words, "Too late to stop" in page.words) == (state is State.HELD, state is State.SENT)


async def test_the_sender_of_a_mail_stopped_by_the_administrator_is_told(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    socket = house.config.socket_path
    answer = await asyncio.to_thread(partial(client.ask, socket, "act", act="stop", queue_id=queue_id))
    assert answer["ending"] == "done"
    await house.notice(ANN, "Stopped: Quote")


async def test_a_manager_has_no_power_without_a_link(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    assert await house.service.desk.own(BOSS, queue_id) is None
