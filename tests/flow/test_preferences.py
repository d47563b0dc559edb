"""What a person chose, from the page in a real browser to the mail over real SMTP, and through to the wire."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import Page, async_playwright, expect

from mailguard.records import OWN_WAIT, State
from tests import tools
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, KIM, LEE, House
from tests.flow.test_approval import approve, approved_by, code
from tests.web.conftest import ARGUMENTS

LEX = "lex@corp.example"
PASS = "version: 1\nrules:\n  - {id: all, when: {always: true}, then: [{tag: [seen]}]}\n"
TELL = (
    "version: 1\nrules:\n  - {id: t, when: {recipients: {any: external}}, then: [{notify: {to: bob@corp.example}}]}\n"
)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=tools.find("chromium"), args=list(ARGUMENTS))
        context = await browser.new_context(java_script_enabled=False)
        context.set_default_timeout(8000)
        yield await context.new_page()
        await browser.close()


async def choose(house: House, person: str, *, language: str = "", digest: str = "", wait: str = "0") -> None:
    await house.service.desk.preferences.set(person, language, digest, wait)


@pytest.mark.browser
async def test_who_asks_for_ten_minutes_gets_them_on_the_next_mail(open_house: OpenHouse, page: Page) -> None:
    house = await open_house(rules=DELAY)
    url = house.config.web.url
    await page.goto(f"{url}/outbox/preferences")
    await page.get_by_label("Your mail address").fill(ANN)
    await page.get_by_role("button", name="Mail me a code").click()
    await page.locator("input[name=code]").fill(await code(house, ANN))
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("My mail to people outside").fill("10")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved.")

    queue_id = await house.send([KIM, LEE])
    await page.goto(f"{url}/outbox/{queue_id}")
    await expect(page.locator("main")).to_contain_text("you asked for at least 10 minutes")
    assert "own-wait" not in await page.locator("main").inner_text()
    await house.wait(minutes=9)
    assert (await house.copy(queue_id, KIM)).state is State.QUEUED
    await house.wait(minutes=1)
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_only_mail_to_outsiders_waits_and_a_press_sends_it(open_house: OpenHouse) -> None:
    house = await open_house(rules=PASS)
    await choose(house, ANN, wait="10")
    queue_id = await house.send([KIM, LEE])
    await house.quiet()
    assert await house.states(queue_id) == {KIM: State.QUEUED, LEE: State.SENT}
    mail = await house.mail(queue_id)
    assert [(hit.rule, str(hit.reason)) for hit in mail.hits if hit.rule == OWN_WAIT] == [
        (OWN_WAIT, "you asked for at least 10 minutes")
    ]
    bobs = await house.send([KIM], sender=BOB)
    await house.quiet()
    assert await house.states(bobs) == {KIM: State.SENT}, "Bob asked for nothing"
    view = await house.service.desk.own(ANN, queue_id)
    assert view is not None
    await house.service.desk.send(view, view.confirm, view.seen)
    await house.quiet()
    assert await house.states(queue_id) == {KIM: State.SENT, LEE: State.SENT}


async def test_a_choice_outlives_a_restart_and_a_reload(open_house: OpenHouse) -> None:
    house = await open_house(rules=PASS)
    await choose(house, ANN, wait="10", language="pl")
    await house.restart()
    await house.reload()
    queue_id = await house.send([KIM])
    due = (await house.copy(queue_id, KIM)).due_at
    assert due is not None
    assert due - house.clock.now() > timedelta(minutes=9)
    assert house.service.people.language(ANN) == "pl"


async def test_each_gets_the_notice_of_one_mail_in_their_own_language(open_house: OpenHouse) -> None:
    people = [{"address": LEX, "language": "de"}]
    house = await open_house(rules=approved_by(LEX), people=people)
    await choose(house, ANN, language="pl")
    queue_id = await house.send()
    await house.quiet()
    (to_ann,), (to_lex,) = house.notices(ANN), house.notices(LEX)
    assert to_ann.subject == "Wstrzymana: Quote"
    assert "1 odbiorca spoza organizacji: kim@client.example" in to_ann.text
    assert "1 Empfänger außerhalb der Organisation: kim@client.example" in to_lex.text
    hold = (await house.mail(queue_id)).holds[0]
    assert hold.reason == "1 recipient outside the organization: kim@client.example"


async def test_what_asks_nothing_comes_once_a_day_and_a_question_at_once(open_house: OpenHouse) -> None:
    house = await open_house(rules=TELL)
    await choose(house, BOB, digest="17")
    for subject in ("One", "Two"):
        await house.send(subject=subject)
    await house.quiet()
    assert house.notices(BOB) == []
    assert (await house.service.store.counts(house.clock.now())).notices_undelivered == 0
    await house.wait(hours=24)
    (told,) = house.notices(BOB)
    assert "One" in told.text
    assert "Two" in told.text
    assert f"{told.message['Date']}".split()[4] == "16:00:00"  # 17:00 in Warsaw


async def test_a_digest_keeps_no_question_waiting(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    await choose(house, LEX, digest="17")
    await choose(house, ANN, digest="17")
    await house.send()
    await approve(house, await house.link(LEX, "Approve? Quote"), LEX, KIM)
    await house.quiet()
    assert [told.subject for told in house.notices(ANN)] == ["Held: Quote"]
    await house.wait(hours=24)
    assert [told.subject for told in house.notices(ANN)][1:] == ["Approved: Quote"]
