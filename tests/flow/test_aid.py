"""First aid: for a mail that did leave, who has it, and what to write now."""

import asyncio
from functools import partial
from typing import Any

import pytest

from mailguard.admin import client
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, KIM, LEE, MO, House


async def aid(house: House, queue_id: str, *recipients: str, language: str = "en") -> Any:
    ask = partial(client.ask, house.config.socket_path, "aid", queue_id=queue_id, recipients=recipients)
    return await asyncio.to_thread(partial(ask, zone="Europe/Warsaw", language=language))


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Please delete it"), ("de", "Bitte löschen Sie sie"), ("pl", "Prosimy o usunięcie jej")],
)
async def test_who_has_it_and_two_drafts(open_house: OpenHouse, language: str, words: str) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send([KIM, LEE], subject="Salaries")
    assert (await aid(house, queue_id))["holders"] == []
    await house.wait(minutes=6)
    found = await aid(house, queue_id.lower(), language=language)
    assert [(h["address"], h["sure"], h["reply"][:3]) for h in found["holders"]] == [(KIM, True, "250")]
    assert words in found["request"]
    assert "Salaries" not in found["request"]
    message_id = (await house.mail(queue_id)).message_id
    assert message_id in found["request"]
    assert all(word in found["report"] for word in (ANN, "Salaries", KIM, "delivery.sent", "wait"))
    assert LEE not in found["report"].partition("delivery")[0]
    assert [event["event"] for event in found["timeline"]].count("delivery.sent") == 2


async def test_for_whom_it_is_can_be_said(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send([BOB, LEE])
    await house.quiet()
    assert [h["address"] for h in (await aid(house, queue_id))["holders"]] == [BOB, LEE]
    assert [h["address"] for h in (await aid(house, queue_id, LEE.upper()))["holders"]] == [LEE]
    assert (await aid(house, queue_id, MO))["holders"] == []
    assert await aid(house, "NOSUCHMAIL") is None
