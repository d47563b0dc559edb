"""A next hop that takes longer than a lease: what is still being carried is not carried again."""

import asyncio

from mailguard.demo.stories import ANN, LEE
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
