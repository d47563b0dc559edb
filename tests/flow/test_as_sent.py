"""After a drop: the sender sees on the mail's page what really left, and is told of it if they asked for that."""

import pytest

from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, HOLD, KIM, LEE, MO, House

OTHER = "uma@client.example"


async def wants(house: House) -> None:
    await house.service.desk.preferences.set(ANN, "", "", "0", "yes")


async def dropped(house: House) -> tuple[str, str]:
    """A mail to Kim and Uma with Mo taken off, just let go; its number, and the link to its page."""
    queue_id = await house.send([KIM, MO, OTHER])
    link = await house.link(ANN, "Held")
    await house.press(link, "drop", recipient=MO)
    await house.press(link, "send", confirm=[KIM, MO, OTHER])
    await house.quiet()
    return queue_id, link


async def test_who_asked_for_it_is_told_once_who_got_it_and_who_did_not(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await wants(house)
    await dropped(house)
    notice = await house.notice(ANN, "As sent: Quote")
    words = " ".join(notice.text.split())
    assert "Recipients were taken off your mail before it left." in words
    assert f"Has it: {KIM} (10:00:00), {OTHER} (10:00:00)" in words
    assert f"Got nothing: {MO} (10:00:00)" in words
    assert len([one for one in house.notices(ANN) if one.subject.startswith("As sent")]) == 1


@pytest.mark.parametrize("drop", [True, False])
async def test_nobody_else_is_told_of_what_they_did_themselves_or_of_nothing(open_house: OpenHouse, drop: bool) -> None:
    house = await open_house(rules=HOLD)
    if drop:
        await dropped(house)
    else:
        await wants(house)
        await house.send([LEE])
        await house.send([KIM])
        await house.press(await house.link(ANN, "Held"), "send", confirm=KIM)
    await house.quiet()
    assert [one for one in house.notices(ANN) if one.subject.startswith("As sent")] == []


async def test_it_comes_when_all_has_left_and_not_before(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await wants(house)
    queue_id = await house.send([KIM, MO, LEE])
    await house.press(await house.link(ANN, "Held"), "drop", recipient=MO)
    await house.quiet()
    assert [one for one in house.notices(ANN) if one.subject.startswith("As sent")] == []
    await house.press(await house.link(ANN, "Held"), "cancel", confirm=queue_id)
    await house.quiet()
    assert [one for one in house.notices(ANN) if one.subject.startswith("As sent")] == [], "nothing left"


async def test_the_page_says_when_and_by_whom_somebody_was_taken_off(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    _, link = await dropped(house)
    words = (await house.page(link)).words
    assert "gets nothing: taken off at 10:00:00" in words
    assert f"by {ANN}" in words
    assert "has a copy since 10:00:00" in words
