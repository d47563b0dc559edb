"""A next hop that takes longer than a lease: what is still being carried is not carried again."""

import asyncio
from typing import Any

import pytest

from mailguard.demo.cast import ANN, LEE
from mailguard.demo.world import OutsideWorld
from mailguard.records import State
from mailguard.testing import eventually
from tests.flow.house import House


async def test_a_server_that_answers_after_two_hours_gets_the_mail_once(house: House) -> None:
    answered = asyncio.Event()
    arrivals = 0
    usual = OutsideWorld.handle_DATA

    async def slow(*about: object) -> str:
        nonlocal arrivals
        arrivals += 1
        await answered.wait()
        return await usual(house.stage.world, *about)  # type: ignore[arg-type]

    house.stage.world.handle_DATA = slow  # type: ignore[method-assign, assignment]
    queue_id = await house.stage.send(ANN, [LEE], "Slow", "Hello\n")
    await eventually(lambda: arrivals)
    for _ in range(24):
        await house.clock.advance(300)
        house.service.scheduler.wake()
        await asyncio.sleep(0.01)
    assert arrivals == 1
    assert (await house.stage.mail(queue_id)).state is State.SENDING
    answered.set()

    async def sent() -> bool:
        return (await house.stage.mail(queue_id)).state is State.SENT

    await eventually(sent)
    assert arrivals == 1


async def test_mail_that_finds_no_room_on_the_wire_makes_no_timer_late(house: House) -> None:
    house.write_rules(
        "version: 1\nrules:\n  - {id: back, when: {header: {name: Subject, is: Back}},\n"
        "     then: [{hold: {until: sender_confirms, expires: 5s, on_expiry: return}}]}\n"
    )
    await house.reload()
    answered = asyncio.Event()

    async def hangs(*_: object) -> str:
        await answered.wait()
        return "451 4.3.0 later"

    house.stage.world.handle_DATA = hangs  # type: ignore[method-assign, assignment]
    more_than_go_to_one_place = [await house.stage.send(ANN, [LEE], f"Mail {n}", "Hello\n") for n in range(25)]

    async def full() -> bool:
        states = [(await house.stage.mail(queue_id)).state for queue_id in more_than_go_to_one_place]
        return states.count(State.SENDING) == 20 and states.count(State.QUEUED) == 5

    await eventually(full)
    held = await house.stage.send(ANN, [LEE], "Back", "Hello\n")
    await house.look_again()  # the round that told of the hold is over, and it naps, or is about to
    began = house.clock.monotonic()

    async def ended() -> bool:
        if house.clock.monotonic() < began + 10:
            await house.clock.advance(0.1)
        return (await house.stage.mail(held)).state is State.CANCELLED

    await eventually(ended)
    answered.set()


async def test_a_stop_between_claim_and_attempt_is_no_crash(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    store, begun = house.service.store, asyncio.Event()
    claim = store.claim

    async def slow(*args: Any, **named: Any) -> Any:
        claims = await claim(*args, **named)
        if claims:
            begun.set()
            await asyncio.sleep(0.2)
        return claims

    monkeypatch.setattr(store, "claim", slow)
    queue_id = await house.stage.send(ANN, [LEE], "Claimed", "Hello\n")
    await begun.wait()
    await house.restart()
    assert (await house.stage.mail(queue_id)).state is State.SENT
    assert "delivery.interrupted" not in {event.kind for event in await house.service.store.events(queue_id)}
