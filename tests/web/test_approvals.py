"""What waits for somebody's word, in a real browser: approvers, who has the right, assistants, and who is away."""

import pytest
from playwright.async_api import Browser, Page, expect

from mailguard.records import NewNotice, NoticeKind, Power, State
from tests.web.house import ANN, BOSS, HELPER, HIDDEN, LEX, PAT, RITA, ROB, House
from tests.web.walking import click, fact, press, sign_in, tick, unfold

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def approvals(house: House, page: Page, person: str) -> None:
    await sign_in(house, page, person)
    await click(page, page.get_by_role("link", name="Approvals"))


async def told(house: House, kind: NoticeKind) -> list[NewNotice]:
    return [n.notice for claim in await house.notices() for n in claim.notices if n.notice.kind is kind]


async def test_an_approver_sees_what_waits_and_approves_it_without_a_code(house: House, page: Page) -> None:
    number = await house.for_approval()
    await approvals(house, page, LEX)
    entry = page.locator(".entry")
    await expect(entry).to_contain_text("0 of 1 approved")
    await expect(entry).to_contain_text("Check this one: under a no-contact order")
    await expect(entry).to_contain_text("Why: pat@client.example: legal hold")
    await expect(entry).to_contain_text("If nobody answers, it goes back to its sender at 18:00 CET")
    await click(page, entry.get_by_role("link"))
    assert await page.locator("input:checked").count() == 0
    await tick(page, "send", PAT)
    await press(page, "send")
    assert await house.let_go(number)
    await click(page, page.get_by_role("link", name="Approvals"))
    await expect(page.locator("body")).to_contain_text("Nothing waits for your approval.")
    assert [(n.person, n.data["by"]) for n in await told(house, NoticeKind.DECIDED)] == [(ANN, LEX)]


async def test_who_has_the_right_approves_whoever_is_named_and_counts_once(house: House, page: Page) -> None:
    number = await house.for_approval(LEX, ROB, needed=2)
    await approvals(house, page, RITA)
    await click(page, page.locator(".entry").get_by_role("link"))
    await tick(page, "send", PAT)
    await press(page, "send")
    assert set((await house.states(number)).values()) == {State.HELD}
    assert await page.locator("#send").count() == 0
    await page.goto(f"{house.url}/approvals")
    await expect(page.get_by_role("heading", name="You approved, others have not yet")).to_be_visible()
    await expect(page.locator(".entry")).to_contain_text(f"1 of 2 approved: {RITA}")


async def test_nobody_finds_their_own_mail_among_what_waits_for_their_approval(house: House, page: Page) -> None:
    number = await house.for_approval(answers=RITA)
    await approvals(house, page, RITA)
    await expect(page.locator("body")).to_contain_text("Nothing waits for your approval.")
    await page.goto(f"{house.url}/approvals/{number}")
    assert await fact(page) == "Nothing here"


async def test_two_approvers_at_once_one_wins_and_the_other_is_told_the_truth(
    house: House, page: Page, chromium: Browser
) -> None:
    number = await house.for_approval(LEX, ROB)
    context = await chromium.new_context(java_script_enabled=False)
    other = await context.new_page()
    for person, theirs in ((LEX, page), (ROB, other)):
        await approvals(house, theirs, person)
        await click(theirs, theirs.locator(".entry").get_by_role("link"))
        await tick(theirs, "send", PAT)
    await press(page, "send")
    await press(other, "send")
    assert await house.let_go(number)
    await expect(other.locator(".fact")).to_contain_text(f"Answered by {LEX}")
    assert (await house.mail(number)).holds[0].approved_by == (LEX,)
    await context.close()


async def test_one_approves_while_the_other_sends_back(house: House, page: Page, chromium: Browser) -> None:
    number = await house.for_approval(LEX, ROB)
    context = await chromium.new_context(java_script_enabled=False)
    other = await context.new_page()
    for person, theirs in ((LEX, page), (ROB, other)):
        await approvals(house, theirs, person)
        await click(theirs, theirs.locator(".entry").get_by_role("link"))
    await unfold(other, "send-back")
    await other.get_by_label("What should be changed").fill("Not to Pat, please.")
    await tick(other, "send-back", number)
    await press(other, "send-back")
    await tick(page, "send", PAT)
    await press(page, "send")
    assert (await fact(page)).startswith("Cancelled at")
    assert set((await house.states(number)).values()) == {State.CANCELLED}
    (notice,) = await told(house, NoticeKind.RETURNED)
    assert (notice.person, notice.data) == (ANN, {"by": ROB, "comment": "Not to Pat, please."})
    await context.close()


async def test_sending_back_needs_words_and_a_tick(house: House, page: Page) -> None:
    number = await house.for_approval()
    await approvals(house, page, LEX)
    await click(page, page.locator(".entry").get_by_role("link"))
    await unfold(page, "send-back")
    for fill in (None, "Why?"):
        await page.locator("#send-back").evaluate("form => form.noValidate = true")
        if fill:
            await unfold(page, "send-back")
            await page.get_by_label("What should be changed").fill(fill)
        await press(page, "send-back")
        await expect(page.get_by_role("alert")).to_be_visible()
    assert set((await house.states(number)).values()) == {State.HELD}


async def test_the_assistant_sees_mail_to_the_boss_and_writes_to_its_sender(house: House, page: Page) -> None:
    number = await house.told_the_helper()
    await house.to_boss()  # of this one nobody told the assistant: it may be none of their business
    await approvals(house, page, HELPER)
    entry = page.locator(".entry")
    assert await entry.count() == 1
    await expect(entry).to_contain_text(BOSS)
    assert HIDDEN not in await page.content()
    await click(page, entry.get_by_role("link"))
    assert HIDDEN not in await page.content()
    assert await page.locator("#cancel, #drop, #send-back").count() == 0
    await unfold(page, "comment")
    await page.get_by_label("Your comment").fill("The numbers are from <b>last</b> year.\nShall I stop it?")
    await press(page, "comment")
    await expect(page.get_by_role("status")).to_contain_text("The sender is told")
    (notice,) = await told(house, NoticeKind.COMMENT)
    assert (notice.person, notice.power, notice.data["by"]) == (ANN, Power.SENDER, HELPER)
    assert notice.data["comment"] == "The numbers are from <b>last</b> year.\nShall I stop it?"
    await press(page, "stop")
    assert (await house.states(number))[BOSS] is State.HELD
    await tick(page, "send", number)
    await press(page, "send")
    assert (await house.states(number))[BOSS] is State.QUEUED


async def test_an_assistant_stops_one_of_many_with_one_press_on_the_list_and_walks_it_by_keys(
    house: House, scripted: Page
) -> None:
    numbers = [await house.told_the_helper() for _ in range(20)]
    await approvals(house, scripted, HELPER)
    assert await scripted.locator(".entry").count() == len(numbers)
    await scripted.keyboard.press("j")
    await scripted.keyboard.press("j")
    await scripted.keyboard.press("k")
    first = scripted.locator(".entry").first
    await expect(first.locator("[data-step]")).to_be_focused()
    await scripted.keyboard.press("Tab")
    async with scripted.expect_navigation():
        await scripted.keyboard.press("Enter")
    states = [(await house.states(number))[BOSS] for number in numbers]
    assert sorted(states) == [State.HELD, *[State.QUEUED] * (len(numbers) - 1)]


async def test_a_comment_too_long_is_not_cut_but_refused(house: House, page: Page) -> None:
    await house.told_the_helper()
    await approvals(house, page, HELPER)
    await click(page, page.locator(".entry").get_by_role("link"))
    await page.locator("#comment textarea").evaluate("box => { box.removeAttribute('maxlength'); }")
    await unfold(page, "comment")
    await page.get_by_label("Your comment").fill("x" * 501)
    await press(page, "comment")
    await expect(page.get_by_role("alert")).to_contain_text("at most 500")
    assert not await told(house, NoticeKind.COMMENT)


async def test_who_is_away_names_a_colleague_and_comes_back(house: House, page: Page) -> None:
    await approvals(house, page, LEX)
    await page.get_by_text("Name somebody who is asked instead of you").click()
    await page.get_by_label("Colleague’s mail address").fill(ROB)
    await page.get_by_label("Last day").fill("2026-11-27")
    await press(page, "away")
    await expect(page.locator("#absence")).to_contain_text(f"{ROB} is asked instead of you")
    assert house.desk.absences.now[LEX].to == ROB
    assert [(n.person, n.data["by"], n.data["until"]) for n in await told(house, NoticeKind.DELEGATE)] == [
        (ROB, LEX, "2026-11-27")
    ]
    await press(page, "end")
    assert not house.desk.absences.now
    assert [n.data["ended"] for n in await told(house, NoticeKind.DELEGATE)] == ["yes"]


@pytest.mark.parametrize(
    ("to", "last", "why"),
    [
        (LEX, "2026-11-27", "stand in for yourself"),
        (PAT, "2026-11-27", "no colleague"),
        (ROB, "2026-11-01", "before the first"),
    ],
)
async def test_a_delegate_that_makes_no_sense_is_refused(
    house: House, page: Page, to: str, last: str, why: str
) -> None:
    await approvals(house, page, LEX)
    await page.get_by_text("Name somebody who is asked instead of you").click()
    await page.locator("#away").evaluate("form => form.noValidate = true")
    await page.get_by_label("Colleague’s mail address").fill(to)
    await page.get_by_label("Last day").fill(last)
    await press(page, "away")
    await expect(page.get_by_role("alert")).to_contain_text(why)
    assert not house.desk.absences.now


async def test_without_signing_in_there_is_only_the_way_in(house: House, page: Page) -> None:
    number = await house.for_approval()
    await page.goto(f"{house.url}/approvals")
    await expect(page.get_by_label("Your mail address")).to_be_visible()
    await page.goto(f"{house.url}/approvals/{number}")
    assert await fact(page) == "Nothing here"


@pytest.mark.parametrize("width", [360, 1920])
async def test_the_list_is_no_wider_than_the_screen(house: House, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await house.for_approval()
    await approvals(house, page, LEX)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_boss_is_no_approver_of_mail_that_waits_for_others(house: House, page: Page) -> None:
    await house.for_approval()
    await approvals(house, page, BOSS)
    await expect(page.locator("body")).to_contain_text("Nothing waits for your approval.")
