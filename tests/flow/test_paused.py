"""A house that moved into a copy of its store: mail comes in, none goes out, and everybody is told so."""

import asyncio

import httpx

from mailguard.admin import client
from mailguard.records import State
from mailguard.store.sqlite import backup
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, DELAY, HOLD, KIM, LEE, House


async def into_a_copy(house: House) -> None:
    """The store as it is now, restored; the house goes on with it."""
    path = house.config.store_path
    copy = path.with_name("copy.db")
    await asyncio.to_thread(backup, path, copy, lambda _done, _of: None)
    await house.stop()
    copy.rename(path)
    house._build()
    await house.start()


async def ask(house: House, verb: str) -> dict[str, object]:
    answer: dict[str, object] = await asyncio.to_thread(client.ask, house.config.socket_path, verb)
    return answer


async def test_nothing_leaves_a_copy_until_it_is_resumed_then_each_mail_once(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY.replace("5m", "{for: 5m, copies: matching}"))
    before = await house.send([KIM, LEE])
    await house.quiet()
    assert len(house.arrived(LEE)) == 1
    await into_a_copy(house)
    during = await house.send([KIM])
    await house.wait(days=3)
    assert await house.states(before) | await house.states(during) == {KIM: State.QUEUED, LEE: State.SENT}
    assert house.arrived(KIM) == []
    assert await ask(house, "resume") == {"resumed": True}
    await house.wait(minutes=6)
    assert len(house.arrived(KIM)) == 2
    assert len(house.arrived(LEE)) == 1
    assert await ask(house, "resume") == {"resumed": False}


async def test_no_hold_ends_and_nobody_is_told_while_it_is_paused(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD.replace("24h", "24h, on_expiry: send"))
    await house.send()
    await house.notice(ANN, "Held")
    await into_a_copy(house)
    held = await house.send(subject="Second")
    told = len(house.notices(ANN))
    await house.wait(days=2)
    assert len(house.notices(ANN)) == told
    assert (await house.copy(held, KIM)).state is State.HELD
    await ask(house, "resume")
    await house.wait(minutes=1)
    assert len(house.arrived(KIM)) == 2


async def test_it_is_said_wherever_somebody_looks(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await house.send()
    link = await house.link(ANN, "Held")
    assert "Sending is paused" not in (await house.page(link)).words
    assert b"mailguard_queue_paused 0.0" in await house.service.health.scrape()
    await into_a_copy(house)
    assert "Sending is paused" in (await house.page(link)).words
    assert b"mailguard_queue_paused 1.0" in await house.service.health.scrape()
    assert "backup copy" in str((await ask(house, "health"))["paused"])
    async with httpx.AsyncClient(trust_env=False) as browser:
        ready = await browser.get(f"http://127.0.0.1:{house.service.web.port}/readyz")
    assert (ready.status_code, ready.text) == (200, "ok, sending is paused\n")
    (line,) = house.log_lines("queue.paused")
    assert "backup copy" in line["reason"]
    await ask(house, "resume")
    (line,) = house.log_lines("queue.resumed")
    assert "uid=" in line["actor"]
    assert "Sending is paused" not in (await house.page(link)).words
    await house.wait(days=2)
