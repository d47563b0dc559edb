"""A mail that went to the wrong person, from its page to the report and the proposed rule, in a real browser."""

import pytest
from playwright.async_api import Page, expect

from mailguard.records import Power
from tests.web.house import ANN, BOB, HELPER, House
from tests.web.walking import click, fact, press, sign_in, tick

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def left(house: House) -> str:
    number = await house.delayed()
    await house.clock.advance(301)
    await house.leave(number)
    return number


async def kinds(house: House, number: str) -> list[str]:
    return [event.kind for event in await house.store.events(number)]


async def test_from_the_mails_page_to_the_report(house: House, page: Page) -> None:
    number = await left(house)
    await page.goto(await house.link(number))
    await click(page, page.get_by_role("link", name="First aid"))
    assert await fact(page) == "First aid"
    await expect(page.locator("body")).to_contain_text("Their server answered: 250 2.0.0 ok")
    assert await page.locator("input:checked").count() == 0
    await page.locator("#report").evaluate("form => form.noValidate = true")
    await press(page, "report")
    await expect(page.get_by_role("alert")).to_contain_text("Tick who should not have got it.")
    await tick(page, "report", BOB, "personal", "asked")
    await page.get_by_label("What happened").fill("Bob <b>of the client</b>, not ours.")
    await press(page, "report")
    await expect(page.locator("blockquote")).to_have_text("Bob <b>of the client</b>, not ours.")
    await expect(page.locator("body")).to_contain_text("personal data · I asked those who got it to delete it")
    assert (await kinds(house, number)).count("aid.reported") == 1


async def test_from_the_outbox_to_the_proposed_rule(house: House, page: Page) -> None:
    number = await left(house)
    await sign_in(house, page)
    await page.get_by_text("What became of it").click()
    await click(page, page.get_by_role("link", name="First aid"))
    await tick(page, "propose", BOB)
    await press(page, "propose")
    await expect(page.locator("pre").last).to_contain_text(f'recipients: {{any: {{in: ["{BOB}"]}}}}')
    assert await page.locator("#propose").count() == 0
    assert (await kinds(house, number)).count("rule.proposed") == 1


async def test_for_others_there_is_no_such_page(house: House, page: Page) -> None:
    boss = await house.to_boss()
    link = await house.link(boss, HELPER, Power.ASSISTANT)
    await page.goto(link)
    assert await page.get_by_role("link", name="First aid").count() == 0
    await page.goto(f"{link}/aid")
    assert await fact(page) == "Nothing here"


async def test_two_windows_propose_one_rule(house: House, page: Page) -> None:
    number = await left(house)
    link = await house.link(number, ANN)
    other = await page.context.new_page()
    for each in (page, other):
        await each.goto(f"{link}/aid")
        await tick(each, "propose", BOB)
    await press(page, "propose")
    await press(other, "propose")
    await expect(other.get_by_role("alert")).to_contain_text("already")
    assert (await kinds(house, number)).count("rule.proposed") == 1


@pytest.mark.parametrize("width", [360, 1920])
async def test_nothing_is_wider_than_the_screen(house: House, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(f"{await house.link(await left(house))}/aid")
    for summary in await page.locator("summary").all():
        await summary.click()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
