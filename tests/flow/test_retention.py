"""How long what is kept: bytes and links a week, who wrote to whom longer, and gone means gone from the files."""

import asyncio

from mailguard.records import Actor, State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, DELAY, HOLD, KIM, House, letter, routes
from tests.unit.courier.peer import Peer

MARK = "Kumquat-4711"


def on_disk(house: House) -> bool:
    """Whether the mark is anywhere in the store's files."""
    store = house.config.store_path
    return any(MARK.encode() in path.read_bytes() for path in store.parent.glob(f"{store.name}*"))


async def test_a_mails_bytes_are_gone_from_the_files_a_week_after_it_ended(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send(body=f"{MARK}\r\n")
    await house.wait(minutes=6)
    await house.wait(days=6, hours=23)
    assert on_disk(house)
    assert not (await house.mail(queue_id)).purged
    await house.wait(hours=2)
    mail = await house.mail(queue_id)
    assert mail.purged
    assert mail.deliveries[0].state is State.SENT, "what became of it is still known"
    await house.restart()
    assert not await asyncio.to_thread(on_disk, house)


async def test_a_link_lives_as_long_as_the_bytes(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.send()
    link = await house.link(ANN, "Leaves ")
    await house.wait(days=6)
    assert "left" in (await house.page(link)).words.lower()
    await house.wait(days=2)
    gone = await house.page(link)
    assert gone.status == 404
    assert gone.text == (await house.page(link[:-4] + "AAAA")).text


async def test_what_still_waits_is_never_purged(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD.replace("24h", "30d"))
    await house.send(body=f"{MARK}\r\n")
    link = await house.link(ANN, "Held: Quote")
    await house.wait(days=29)
    assert (await house.press(link, "send", confirm=KIM)).status == 200
    await house.quiet()
    (arrived,) = house.arrived(KIM)
    assert MARK in arrived.text


async def test_a_mail_comes_back_whole_however_soon_bytes_are_purged_and_however_late_its_notice(
    open_house: OpenHouse, peer: Peer
) -> None:
    peer.answers["MAIL"] = "451 4.3.2 not now"  # where Ann has her mailbox
    soon = {"retention": {"bodies": "0s", "decisions": "1h", "facts": "0s"}}
    house = await open_house(rules=HOLD.replace("24h", "2h"), config={**soon, **routes(corp_example=peer.port)})
    taken_back, expired = (letter(subject=subject, body=f"{MARK}\r\n") for subject in ("Taken back", "Expired"))
    queue_id = (await house.submit(taken_back)).queue_id
    await house.submit(expired)
    await house.service.desk.call_off(await house.mail(queue_id), Actor(ANN, "link"))
    await house.wait(hours=20)
    assert not peer.arrived
    del peer.answers["MAIL"]
    await house.wait(hours=1)
    for raw in (taken_back, expired):
        assert sum(raw in arrived.data for arrived in peer.arrived) == 1
    await house.restart()
    assert not await asyncio.to_thread(on_disk, house), "and then the bytes go"


async def test_who_wrote_to_whom_is_forgotten_after_its_own_time(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.send()
    await house.wait(days=89)
    assert (await house.service.store.facts_for(ANN, [KIM], ())).written == {KIM: 1}
    await house.wait(days=2)
    assert (await house.service.store.facts_for(ANN, [KIM], ())).written == {}


async def test_a_decision_is_forgotten_after_more_than_a_year(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    await house.wait(days=399)
    assert await house.service.store.get(queue_id)
    await house.wait(days=3)
    assert await house.service.store.get(queue_id) is None
