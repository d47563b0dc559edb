"""A sender's own list: what waits, what left, what the other side said, and several cancelled at once."""

import re

import pytest
from playwright.async_api import Page, expect

from mailguard.records import NoticeKind, State
from tests.web.house import ADA, ANN, BOB, BOSS, PAT, House, waiting
from tests.web.walking import click, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def cancel(page: Page) -> None:
    await click(page, page.get_by_role("button", name="Cancel the ticked mails"))


async def test_the_ticked_mails_are_cancelled_and_come_back_and_the_others_wait_on(house: House, page: Page) -> None:
    one, two, other = await house.held(), await house.delayed(), await house.held()
    await sign_in(house, page)
    assert await page.locator("input:checked").count() == 0
    for number in (one, two):
        await page.locator(f"input[name=mail][value='{number}']").check()
    await cancel(page)
    for number in (one, two):
        assert set((await house.states(number)).values()) == {State.CANCELLED}
    assert set((await house.states(other)).values()) == {State.HELD}
    back = [n.notice.queue_id for claim in await house.notices() for n in claim.notices]
    assert sorted(back) == [one, two]


async def test_who_has_a_role_finds_the_console_and_who_has_none_hears_of_none(house: House, page: Page) -> None:
    for person, there in ((ADA, 1), (ANN, 0)):
        await page.context.clear_cookies()
        await sign_in(house, page, person)
        await page.goto(house.url)  # the bare address
        assert page.url == f"{house.url}/outbox"
        for path in ("/outbox", "/approvals"):
            await page.goto(house.url + path)
            assert await page.get_by_role("link", name="Console").count() == there


async def test_nothing_ticked_is_told_and_nothing_done(house: House, page: Page) -> None:
    number = await house.held()
    await sign_in(house, page)
    await cancel(page)
    await expect(page.get_by_role("alert")).to_contain_text("tick the mails to cancel")
    assert set((await house.states(number)).values()) == {State.HELD}


async def test_a_form_of_nobodys_page_cancels_nothing(house: House, page: Page) -> None:
    number = await house.held()
    await sign_in(house, page)
    await page.locator(f"input[name=mail][value='{number}']").check()
    await page.locator("#cancel input[name=seen]").evaluate("field => field.value = 'made.up'")
    await cancel(page)
    await expect(page.get_by_role("alert")).to_contain_text("too old")
    assert set((await house.states(number)).values()) == {State.HELD}


async def test_ticking_somebody_elses_mail_does_nothing_to_it(house: House, page: Page) -> None:
    mine = await house.held()
    theirs = await house.put([waiting(PAT, house.clock, held=False)], answers=BOSS)
    await sign_in(house, page)
    box = page.locator(f"input[name=mail][value='{mine}']")
    await box.evaluate("(box, number) => box.value = number", theirs)
    await page.locator("input[name=mail]").check()
    await cancel(page)
    assert set((await house.states(theirs)).values()) == {State.QUEUED}
    assert set((await house.states(mine)).values()) == {State.HELD}


async def test_one_that_left_meanwhile_is_no_error_and_stays_sent(house: House, page: Page) -> None:
    number, held = await house.delayed(), await house.held()
    await sign_in(house, page)
    await house.clock.advance(301)
    await house.leave(number)
    for box in await page.locator("input[name=mail]").all():
        await box.check()
    await cancel(page)
    assert set((await house.states(number)).values()) == {State.SENT}
    assert set((await house.states(held)).values()) == {State.CANCELLED}


async def test_what_left_says_when_and_what_the_server_answered(house: House, page: Page) -> None:
    number = await house.delayed()
    await house.clock.advance(301)
    await house.leave(number)
    await sign_in(house, page)
    entry = page.locator(".entry", has_text="Left at 10:05:01")
    await entry.get_by_text("What became of it").click()
    await expect(entry).to_contain_text(
        re.compile(rf"{BOB}: has a copy since 10:05:01 CET.*The server said: 250 2\.0\.0 ok")
    )
    assert await page.get_by_role("button", name="Stop it").count() == 0


async def test_signing_out_elsewhere_leaves_the_form_without_power(house: House, page: Page) -> None:
    number = await house.held()
    await sign_in(house, page)
    await page.locator(f"input[name=mail][value='{number}']").check()
    await page.context.clear_cookies()
    await cancel(page)
    await expect(page.get_by_label("Your mail address")).to_be_visible()
    assert set((await house.states(number)).values()) == {State.HELD}
    assert NoticeKind.RETURNED not in {n.notice.kind for claim in await house.notices() for n in claim.notices}
    assert ANN not in page.url
