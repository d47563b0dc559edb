"""The whole service with its store in PostgreSQL."""

from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, HOLD, KIM
from tests.postgres import Postgres


async def test_mail_is_held_let_go_and_leaves_and_every_copy_is_accounted_for(
    open_house: OpenHouse, postgres: Postgres
) -> None:
    house = await open_house(rules=HOLD, config={"store": postgres.fresh()})
    held = await house.send(subject="Quote", body="hello\r\n")
    assert await house.states(held) == {KIM: "held"}
    await house.press(await house.link(ANN, "Held"), "send", confirm=KIM)
    await house.quiet()
    assert await house.states(held) == {KIM: "sent"}
    await house.restart()
    again = await house.send(subject="Another", body="hello again\r\n")
    assert await house.states(again) == {KIM: "held"}
