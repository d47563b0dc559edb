"""A mail that went to the wrong person: what its sender sees, keeps for the record, and proposes."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOSS, DELAY, KIM, LEE, POSTMASTER, House, Shown
from tests.flow.test_approvals import Person

PEOPLE = [{"address": ANN, "manager": BOSS}]
TOLD = {"notices": {"delayed": "always"}}


async def gone(open_house: OpenHouse) -> tuple[House, str, str]:
    """A house, a mail that left to Kim and Lee, and its sender's link."""
    house = await open_house(rules=DELAY, config=TOLD, people=PEOPLE)
    queue_id = await house.send([KIM], bcc=[LEE])
    link = await house.link(ANN, "Leaves")
    await house.wait(minutes=6)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    return house, queue_id, link


async def post(house: House, link: str, what: str, **fields: str | list[str]) -> Shown:
    form = {"seen": house.seen(await house.page(f"{link}/aid")), **fields}
    answer = await house._client.post(f"{link}/aid/{what}", data=form, follow_redirects=True)
    return Shown(answer.status_code, answer.text)


async def test_the_page_says_who_has_it_and_drafts_the_letters(open_house: OpenHouse) -> None:
    house, queue_id, link = await gone(open_house)
    assert "First aid" in (await house.page(link)).words
    shown = await house.page(f"{link}/aid")
    assert "Their server answered: 250" in shown.words
    assert KIM in shown.words
    letters = [urlsplit(unescape(one)) for one in re.findall(r'href="(mailto:[^"]+)"', shown.text)]
    assert [one.path for one in letters] == [KIM, LEE, BOSS]
    asked = parse_qs(letters[0].query)
    assert asked["subject"] == ["Please delete a mail that was not meant for you"]
    assert "Please delete it with its attachments" in asked["body"][0]
    assert LEE not in asked["body"][0]
    assert queue_id in parse_qs(letters[2].query)["subject"][0]
    outbox = (await Person(house, ANN).sign_in()).url + f"/outbox/{queue_id}/aid"
    assert (await house.page(outbox)).status == 200


async def test_while_it_waits_there_is_nothing_to_mend(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config=TOLD)
    await house.send()
    link = await house.link(ANN, "Leaves")
    shown = await house.page(f"{link}/aid")
    assert "Nobody has this mail yet" in shown.words
    assert "<form" not in shown.text
    answer = await house._client.post(f"{link}/aid/propose", data={"recipient": KIM}, follow_redirects=True)
    assert answer.status_code == 422


async def test_a_report_is_kept_and_told_without_what_it_says(open_house: OpenHouse) -> None:
    house, queue_id, link = await gone(open_house)
    missing = await post(house, link, "report", happened="Wrong Kim.", content="personal")
    assert missing.status == 422
    assert "aid.reported" not in await house.events(queue_id)
    fields: dict[str, str | list[str]] = {
        "happened": "Wrong Kim, from the list.",
        "content": "personal",
        "step": ["asked", "manager"],
    }
    shown = await post(house, link, "report", recipient=KIM, **fields)
    assert shown.status == 200
    assert "Wrong Kim, from the list." in shown.words
    (event,) = [e for e in await house.service.store.events(queue_id) if e.kind == "aid.reported"]
    assert event.data == {
        "wrong": KIM, "happened": "Wrong Kim, from the list.", "content": "personal", "steps": "asked,manager",
    }  # fmt: skip
    assert event.actor == f"{ANN} (link)"
    alert = await house.notice(POSTMASTER, "Reported: mail")
    assert ANN in alert.text
    assert "from the list" not in alert.text + house.log.getvalue()


async def test_the_proposed_rule_would_have_held_it_and_changes_nothing_by_itself(open_house: OpenHouse) -> None:
    house, queue_id, link = await gone(open_house)
    assert (await post(house, link, "propose")).status == 422
    shown = await post(house, link, "propose", recipient=KIM)
    assert shown.status == 200
    assert (await post(house, link, "propose", recipient=KIM)).status == 422
    await house.quiet()
    alerts = [n for n in house.notices(POSTMASTER) if "A rule is proposed" in n.subject]
    assert len(alerts) == 1
    found = re.search(r"(?ms)^- id: .*?sender_confirms\}\}\]$", alerts[0].text.replace("\r", ""))
    assert found
    again = await house.send(subject="Again")
    assert (await house.copy(again, KIM)).state is State.QUEUED
    house.write_rules("version: 1\nrules:\n" + "".join(f"  {line}\n" for line in found[0].splitlines()))
    await house.reload()
    assert (await house.copy(await house.send(subject="Third"), KIM)).state is State.HELD
    other = await house.send([LEE], subject="Fourth")
    assert (await house.copy(other, LEE)).state is not State.HELD
    assert f"proposed-{queue_id.lower()}" in found[0]


async def test_nobody_but_the_sender_has_the_page(open_house: OpenHouse) -> None:
    house = await open_house(rules="", config=TOLD)
    await house.send(["ceo@corp.example"])
    link = await house.link("assistant@corp.example", "Leaves")
    await house.wait(minutes=6)
    assert (await house.page(f"{link}/aid")).status == 404
    answer = await house._client.post(f"{link}/aid/report", data={}, follow_redirects=True)
    assert answer.status_code == 404
