"""A correction does not arrive before its mistake, and whoever looks is told what their mail waits for."""

import asyncio

from mailguard.admin import client
from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, DELAY, HOLD, KIM, LEE, House

MISTAKE = "<mistake@corp.example>"
SOME = HOLD.replace("when: {", "when: {words: {any: [secret], in: [subject]}, ")
"""Only what says so in its subject waits."""


async def mistake(house: House, **more: str) -> str:
    return await house.send(subject="Secret figures", Message_ID=MISTAKE, **more)


async def correction(house: House, **more: str) -> str:
    return await house.send(subject="Sorry", In_Reply_To=MISTAKE, **more)


async def test_a_correction_waits_until_its_mistake_is_let_go(open_house: OpenHouse) -> None:
    house = await open_house(rules=SOME)
    first, second = await mistake(house), await correction(house)
    await house.wait(minutes=1)
    assert (await house.copy(second, KIM)).behind == first
    assert house.arrived(KIM) == []
    await house.press(await house.link(ANN, "Held: Secret"), "send", confirm=KIM)
    await house.quiet()
    assert [mail.subject for mail in house.arrived(KIM)] == ["Secret figures", "Sorry"]


async def test_a_mistake_taken_back_lets_its_correction_go(open_house: OpenHouse) -> None:
    house = await open_house(rules=SOME)
    first, second = await mistake(house), await correction(house)
    await house.press(await house.link(ANN, "Held: Secret"), "cancel", confirm=first)
    await house.quiet()
    assert (await house.copy(second, KIM)).state is State.SENT


async def test_others_of_the_same_mail_do_not_wait(open_house: OpenHouse) -> None:
    house = await open_house(rules=SOME)
    await mistake(house)
    raw_to = [KIM, LEE]
    await house.send(raw_to, subject="Sorry", In_Reply_To=MISTAKE)
    await house.quiet()
    assert (len(house.arrived(LEE)), house.arrived(KIM)) == (1, [])


async def test_the_page_says_what_it_waits_for_and_one_press_lets_it_go_first(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config={"notices": {"delayed": "always", "minimum": "1m"}})
    first = await mistake(house)
    await house.wait(minutes=1)
    second = await correction(house)
    notice = await house.notice(ANN, "Sorry")
    assert f"The earlier mail {first} in this conversation leaves first." in " ".join(notice.text.split())
    link = await house.link(ANN, "Sorry")
    assert f"Waits behind the earlier mail {first} in this conversation" in (await house.page(link)).words
    await house.press(link, "send", confirm=KIM)
    await house.quiet()
    assert (await house.copy(second, KIM)).state is State.SENT
    assert (await house.copy(first, KIM)).state is State.QUEUED


async def test_the_command_line_says_it_too(open_house: OpenHouse) -> None:
    house = await open_house(rules=SOME)
    first, second = await mistake(house), await correction(house)
    answer = await asyncio.to_thread(lambda: client.ask(house.config.socket_path, "show", queue_id=second))
    assert answer["deliveries"][0]["behind"] == first


async def test_order_outlives_the_process(open_house: OpenHouse) -> None:
    house = await open_house(rules=SOME)
    await mistake(house)
    second = await correction(house)
    await house.restart()
    await house.wait(minutes=1)
    assert (await house.copy(second, KIM)).state is State.QUEUED


async def test_a_client_that_asked_for_monday_keeps_the_order(open_house: OpenHouse) -> None:
    """The earlier one waits by the client's own wish: it still comes first."""
    house = await open_house(rules=SOME)
    raw = b"From: <ann@corp.example>\r\nTo: <kim@client.example>\r\nMessage-ID: " + MISTAKE.encode() + b"\r\n\r\nHi\r\n"
    await house.submit(raw, mail=["HOLDFOR=3600"])
    second = await correction(house)
    await house.wait(minutes=30)
    assert (await house.copy(second, KIM)).state is State.QUEUED
    await house.wait(minutes=31)
    assert len(house.arrived(KIM)) == 2
