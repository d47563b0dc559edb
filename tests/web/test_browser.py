"""People at the pages: a real browser on a phone, without JavaScript."""

import pytest
from playwright.async_api import Page, expect

from mailguard.records import NoticeKind, Power, Requires, State
from tests.web.house import ANN, BOB, BOSS, HELPER, HIDDEN, LEX, PAT, ROB, House
from tests.web.walking import click, fact, press, sign_in, tick, unfold

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_send_with_every_tick_lets_a_held_mail_go(house: House, page: Page) -> None:
    number = await house.held()
    await page.goto(await house.link(number))
    assert await fact(page) == "Held: not sent yet"
    assert await page.locator("input:checked").count() == 0
    await tick(page, "send", PAT, HIDDEN)
    await press(page, "send")
    assert await fact(page) == "Leaves at 10:00:00"
    assert await house.let_go(number)
    assert "/send" not in page.url


async def test_send_without_a_tick_changes_nothing_and_stays_on_the_page(house: House, page: Page) -> None:
    number = await house.held()
    await page.goto(await house.link(number))
    await tick(page, "send", PAT)
    await page.locator("#send button").click()  # the browser itself asks for the other box
    assert await fact(page) == "Held: not sent yet"
    await page.locator("#send").evaluate("form => form.noValidate = true")
    await press(page, "send")
    await expect(page.get_by_role("alert")).to_contain_text(HIDDEN)
    assert await page.locator("input:checked").count() == 0
    assert set((await house.states(number)).values()) == {State.HELD}


async def test_one_press_stops_a_delayed_mail_and_one_more_person_lets_it_go(house: House, page: Page) -> None:
    number = await house.delayed()
    await page.goto(await house.link(number))
    assert await fact(page) == "Leaves at 10:05:00"
    await press(page, "stop")
    assert await fact(page) == "Held: not sent yet"
    await expect(page.locator("body")).to_contain_text(f"Stopped by {ANN}")
    await tick(page, "send", BOB)
    await press(page, "send")
    assert await house.let_go(number)


async def test_a_delayed_mail_can_be_sent_before_its_time(house: House, page: Page) -> None:
    number = await house.delayed()
    await page.goto(await house.link(number))
    await unfold(page, "send")
    await tick(page, "send", BOB)
    await press(page, "send")
    assert await house.let_go(number)


async def test_cancel_needs_its_tick_and_brings_the_mail_back(house: House, page: Page) -> None:
    number = await house.held()
    await page.goto(await house.link(number))
    await unfold(page, "cancel")
    await tick(page, "cancel", number)
    await press(page, "cancel")
    assert await fact(page) == "Cancelled at 10:00:00"
    await expect(page.locator(".fact")).to_contain_text("came back to you")
    assert set((await house.states(number)).values()) == {State.CANCELLED}
    assert NoticeKind.RETURNED in {n.notice.kind for claim in await house.notices() for n in claim.notices}
    assert await page.locator("button").count() == 0


async def test_drop_takes_one_off_and_the_rest_can_be_sent(house: House, page: Page) -> None:
    number = await house.held()
    await page.goto(await house.link(number))
    await unfold(page, "drop")
    await tick(page, "drop", PAT)
    await press(page, "drop")
    states = await house.states(number)
    assert (states[PAT], states[BOSS]) == (State.CANCELLED, State.HELD)
    await expect(page.locator("#send")).to_contain_text(f"I know that {PAT} gets nothing")
    await tick(page, "send", PAT, HIDDEN)
    await press(page, "send")
    states = await house.states(number)
    assert (states[PAT], states[BOSS]) == (State.CANCELLED, State.QUEUED)


async def test_who_was_meant_is_put_in_by_a_signed_in_sender_and_a_tick(house: House, page: Page) -> None:
    number = await house.mixed_up()
    await page.goto(await house.link(number))
    await expect(page.locator("body")).to_contain_text(f"Probably meant: {ROB}")
    assert await page.locator("#swap").count() == 0, "a link never adds a recipient"
    await sign_in(house, page)
    await page.goto(f"{house.url}/outbox/{number}")
    assert await page.locator("input:checked").count() == 0
    await page.locator("#swap button").click()  # the browser itself asks for the tick
    assert ROB not in await house.states(number)
    await tick(page, "swap", PAT)
    await press(page, "swap")
    assert await fact(page) == "Held: not sent yet"
    await expect(page.locator("body")).to_contain_text(f"{ROB} in the place of {PAT}")
    states = await house.states(number)
    assert (states[PAT], states[ROB], states[BOSS]) == (State.CANCELLED, State.HELD, State.HELD)
    await tick(page, "send", PAT)
    await press(page, "send")
    states = await house.states(number)
    assert (states[PAT], states[ROB], states[BOSS]) == (State.CANCELLED, State.QUEUED, State.QUEUED)


async def test_an_approver_needs_the_mailed_code(house: House, page: Page) -> None:
    number = await house.for_approval()
    await page.goto(await house.link(number, LEX, Power.APPROVER))
    await expect(page.locator("body")).to_contain_text(HIDDEN)
    assert await page.locator("#cancel, #drop").count() == 0
    await tick(page, "send", PAT)
    await press(page, "send")
    assert set((await house.states(number)).values()) == {State.HELD}
    code = await house.code()
    await page.locator("input[name=code]").fill("000000" if code != "000000" else "111111")
    await press(page, "send")
    await expect(page.get_by_role("alert")).to_contain_text("not the code")
    assert set((await house.states(number)).values()) == {State.HELD}
    await page.locator("input[name=code]").fill(f"{code[:3]} {code[3:]}")
    await press(page, "send")
    assert await house.let_go(number)
    await expect(page.locator(".fact")).to_contain_text(LEX)


async def test_a_sender_may_be_asked_for_a_code_too(house: House, page: Page) -> None:
    number = await house.held(requires=Requires.CODE)
    await page.goto(await house.link(number))
    await tick(page, "send", PAT, HIDDEN)
    await press(page, "send")
    await page.locator("input[name=code]").fill(await house.code())
    await press(page, "send")
    assert await house.let_go(number)


async def test_where_signing_in_is_asked_for_the_page_says_where(house: House, page: Page) -> None:
    number = await house.held(requires=Requires.LOGIN)
    await page.goto(await house.link(number))
    assert await page.locator("#send").count() == 0
    await click(page, page.get_by_role("link", name="open your outbox"))
    await expect(page.get_by_label("Your mail address")).to_be_visible()


async def test_the_assistant_stops_only_the_executives_copy_and_may_let_it_go_again(house: House, page: Page) -> None:
    number = await house.to_boss()
    await page.goto(await house.link(number, HELPER, Power.ASSISTANT))
    assert await fact(page) == "Leaves at 10:05:00"
    assert HIDDEN not in await page.content()
    await expect(page.locator("body")).to_contain_text("has a copy since 10:00:00 CET: it can't be taken back")
    await press(page, "stop")
    states = await house.states(number)
    assert (states[BOSS], states[HIDDEN], states[HELPER]) == (State.HELD, State.QUEUED, State.SENT)
    assert HIDDEN not in await page.content()
    told = [n.notice for claim in await house.notices() for n in claim.notices if n.notice.kind is NoticeKind.STOPPED]
    assert [(notice.person, notice.data["by"]) for notice in told] == [(ANN, HELPER)]
    await tick(page, "send", number)
    await press(page, "send")
    assert (await house.states(number))[BOSS] is State.QUEUED


async def test_too_late_is_told_with_the_second_it_left(house: House, page: Page) -> None:
    number = await house.delayed()
    await page.goto(await house.link(number))
    await house.clock.advance(302)
    await house.leave(number)
    await press(page, "stop")
    assert await fact(page) == "Left at 10:05:02"
    await expect(page.locator(".fact")).to_contain_text("Too late")
    assert set((await house.states(number)).values()) == {State.SENT}


async def test_a_page_that_is_out_of_date_says_so_and_sends_nothing(house: House, page: Page) -> None:
    number = await house.held()
    await page.goto(await house.link(number))
    other = await house.desk.own(ANN, number)
    assert other is not None
    await house.desk.drop(other, [PAT], other.seen)
    await tick(page, "send", PAT, HIDDEN)
    await press(page, "send")
    await expect(page.get_by_role("alert")).to_contain_text("changed since you opened the page")
    assert not await house.let_go(number)


async def test_the_title_and_the_address_say_nothing_of_the_mail(house: House, page: Page) -> None:
    await page.goto(await house.link(await house.held()))
    assert await page.title() == "mailguard"


@pytest.mark.parametrize("width", [360, 1920])
async def test_nothing_is_wider_than_the_screen(house: House, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    for number in (await house.held(), await house.delayed()):
        await page.goto(await house.link(number))
        for form in await page.locator("form").all():
            await unfold(page, await form.get_attribute("id") or "")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [await button.bounding_box() for button in await page.locator("button, .tick").all()]
        assert boxes
        assert all(box and box["height"] >= 44 and box["width"] >= 44 for box in boxes)


async def test_the_outbox_lists_what_waits_and_stops_it(house: House, page: Page) -> None:
    held, delayed = await house.held(), await house.delayed()
    await sign_in(house, page)
    assert await page.locator(".entry").count() == 2
    await click(page, page.locator(".entry", has_text="Leaves at 10:05:00").get_by_role("button", name="Stop it"))
    assert set((await house.states(delayed)).values()) == {State.HELD}
    await tick(page, "send", BOB)
    await press(page, "send")
    assert await house.let_go(delayed)
    await click(page, page.get_by_role("link", name="Your outbox"))
    await click(page, page.locator(f"a[href='/outbox/{held}']"))
    await unfold(page, "cancel")
    await tick(page, "cancel", held)
    await press(page, "cancel")
    assert set((await house.states(held)).values()) == {State.CANCELLED}


async def test_the_outbox_does_not_name_whom_was_taken_off(house: House, page: Page) -> None:
    number = await house.held()
    await sign_in(house, page)
    entry = page.locator(".entry")
    await expect(entry).to_contain_text(PAT)
    await click(page, entry.get_by_role("link"))
    await unfold(page, "drop")
    await tick(page, "drop", PAT)
    await press(page, "drop")
    assert (await house.states(number))[PAT] is State.CANCELLED
    await page.goto(f"{house.url}/outbox")
    await expect(entry).to_contain_text(HIDDEN)
    await expect(entry).not_to_contain_text(PAT)


async def test_being_signed_in_is_enough_where_the_link_alone_is_not(house: House, page: Page) -> None:
    number = await house.held(requires=Requires.LOGIN)
    await sign_in(house, page)
    await page.goto(f"{house.url}/outbox/{number}")
    await tick(page, "send", PAT, HIDDEN)
    await press(page, "send")
    assert await house.let_go(number)


async def test_signing_out_ends_it(house: House, page: Page) -> None:
    number = await house.held()
    await sign_in(house, page)
    await click(page, page.get_by_role("button", name="Sign out"))
    await expect(page.get_by_label("Your mail address")).to_be_visible()
    answer = await page.goto(f"{house.url}/outbox/{number}")
    assert answer is not None
    assert answer.status == 404


async def test_somebody_elses_outbox_shows_nothing_of_mine(house: House, page: Page) -> None:
    number = await house.held()
    await sign_in(house, page, BOSS)
    await expect(page.locator("body")).to_contain_text("Nothing of yours waits")
    answer = await page.goto(f"{house.url}/outbox/{number}")
    assert answer is not None
    assert answer.status == 404


async def test_a_code_works_only_in_the_browser_that_asked(house: House, page: Page) -> None:
    await page.goto(f"{house.url}/outbox")
    await page.get_by_label("Your mail address").fill(ANN)
    await click(page, page.get_by_role("button", name="Mail me a code"))
    code = await house.code()
    await page.context.clear_cookies()
    await page.locator("input[name=code]").fill(code)
    await click(page, page.get_by_role("button", name="Sign in"))
    await expect(page.get_by_role("alert")).to_contain_text("not the code")
