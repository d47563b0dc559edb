"""Every page as axe-core judges it (WCAG 2.2 A and AA), light and dark, narrow and wide; and by keyboard alone."""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from mailguard.records import Hold, Power, State
from tests.web.house import ADA, HELPER, LEX, PAT, House
from tests.web.openid import NAME, house_with
from tests.web.screenshots import confirm, enrol
from tests.web.walking import click, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest_asyncio.fixture(loop_scope="session", params=["light-360", "dark-1920"])
async def screen(chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    scheme, _, width = request.param.partition("-")
    context = await chromium.new_context(
        viewport={"width": int(width), "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    context.set_default_timeout(8000)
    yield await context.new_page()
    await context.close()


async def wrong(page: Page) -> list[str]:
    """What axe-core finds, with everything unfolded."""
    await page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    await page.add_script_tag(content=AXE)
    found: dict[str, Any] = await page.evaluate("tags => axe.run({runOnly: tags})", RULES)
    return [f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]]


async def test_the_judge_finds_what_is_wrong(house: House, screen: Page) -> None:
    await screen.goto(f"{house.url}/outbox")
    await screen.evaluate("document.documentElement.removeAttribute('lang')")
    assert [what.partition(":")[0] for what in await wrong(screen)] == ["html-has-lang"]


async def test_every_page_of_a_mail(house: House, screen: Page) -> None:
    held, boss = await house.held(), await house.to_boss()
    links = {
        "held": await house.link(held),
        "delayed": await house.link(await house.delayed()),
        "approver": await house.link(await house.for_approval(), LEX, Power.APPROVER),
        "waits for an approver": await house.link(await house.for_approval()),
        "assistant": await house.link(boss, HELPER, Power.ASSISTANT),
        "unknown": f"{house.url}/m/none",
        "reading": f"{await house.link(held)}/text",
        "sign in": f"{house.url}/outbox",
    }
    left = await house.delayed()
    await house.clock.advance(301)
    await house.leave(left)
    links["first aid"] = f"{await house.link(left)}/aid"
    found = {}
    for name, link in links.items():
        await screen.goto(link)
        found[name] = await wrong(screen)
    assert {name: what for name, what in found.items() if what} == {}


async def test_every_way_to_sign_in(tmp_path: Path, screen: Page) -> None:
    found = {}
    async with house_with(tmp_path, None, web={"passwords": True}, name=NAME) as house:
        for place in ("outbox", "console", "outbox/oidc", "outbox/oidc/back", "outbox/signed-out"):
            await screen.goto(f"{house.url}/{place}")
            found[place] = await wrong(screen)
        await screen.goto(f"{await house.link(await house.held())}/text")
        found["reading"] = await wrong(screen)
    assert {place: what for place, what in found.items() if what} == {}


async def test_the_outbox_and_what_is_read_there(house: House, screen: Page) -> None:
    held, left = await house.held(), await house.delayed()
    await house.clock.advance(301)
    await house.leave(left)
    await house.delayed()
    await sign_in(house, screen)
    assert await wrong(screen) == []
    await screen.goto(f"{house.url}/outbox/{held}/text")
    assert await wrong(screen) == []


async def test_the_preferences_also_when_something_was_wrong(house: House, screen: Page) -> None:
    await sign_in(house, screen)
    await screen.goto(f"{house.url}/outbox/preferences?saved")
    assert await wrong(screen) == []
    await screen.locator("#preferences").evaluate("form => form.noValidate = true")
    await screen.locator("[name=wait]").fill("99")
    await click(screen, screen.get_by_role("button", name="Save"))
    await expect(screen.get_by_role("alert")).to_contain_text("At most 60 minutes")
    assert await wrong(screen) == []


async def test_app_passwords_new_listed_and_refused(house: House, screen: Page) -> None:
    await sign_in(house, screen)
    await screen.goto(f"{house.url}/outbox/app-passwords")
    assert await wrong(screen) == []
    for _ in range(2):
        await screen.get_by_label("Its name").fill("A telephone with quite a long name that has to go somewhere")
        await click(screen, screen.get_by_role("button", name="Make a password"))
        assert await wrong(screen) == []
        wide = await screen.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
    await expect(screen.get_by_role("alert")).to_contain_text("There is one for")


async def test_a_second_factor_from_the_password_to_the_recovery_codes(tmp_path: Path, screen: Page) -> None:
    async with house_with(tmp_path, None, web={"passwords": True}) as house:
        await sign_in(house, screen, ADA)
        await screen.goto(f"{house.url}/outbox/second-factor")
        for name, step in (("begun", enrol), ("confirmed", confirm)):
            assert await wrong(screen) == [], f"before it was {name}"
            await step(screen)
            assert await wrong(screen) == [], name
            await screen.goto(f"{house.url}/outbox/second-factor")


async def test_every_page_of_the_console(house: House, screen: Page) -> None:
    number = await house.put((house.copy(PAT, flagged="under an order"),), hold=Hold("external-delay", ""))
    await house.delayed()
    await sign_in(house, screen, ADA)
    places = ("", "?newer=soon", f"/mail/{number}", f"/preview?do=stop&mail={number}", "/rules", "/sending", "/health")
    found = {}
    for place in (*places, "/people", f"/people?address={ADA}"):
        await screen.goto(f"{house.url}/console{place}")
        found[place] = await wrong(screen)
        wide = await screen.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found[place] += ["scrolls sideways"] * (wide > 0)
    assert {place: what for place, what in found.items() if what} == {}


async def test_mail_is_let_go_and_cancelled_by_keyboard_alone(house: House, screen: Page) -> None:
    number = await house.held()
    await screen.goto(await house.link(number))
    await screen.keyboard.press("Tab")
    await expect(screen.get_by_role("link", name="Skip to the content")).to_be_focused()
    for box in await screen.locator("#send input[type=checkbox]").all():
        await tab_to(screen, box)
        await screen.keyboard.press("Space")
    await tab_to(screen, screen.get_by_role("button", name="Send now"))
    async with screen.expect_navigation():
        await screen.keyboard.press("Enter")
    assert await house.let_go(number)
    number = await house.held()
    await screen.goto(await house.link(number))
    await tab_to(screen, screen.locator("summary", has_text="Cancel the mail"))
    await screen.keyboard.press("Enter")
    await tab_to(screen, screen.locator("#cancel input[type=checkbox]"))
    await screen.keyboard.press("Space")
    await tab_to(screen, screen.locator("#cancel button"))
    async with screen.expect_navigation():
        await screen.keyboard.press("Enter")
    assert set((await house.states(number)).values()) == {State.CANCELLED}


async def tab_to(page: Page, target: Locator) -> None:
    """From wherever the focus is; a page has fewer places than this."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await target.evaluate("place => place === document.activeElement"):
            return
    raise AssertionError(f"no Tab leads to {target}")


async def test_state_and_marks_are_told_in_words(house: House, screen: Page) -> None:
    """Without any colour the page says the same."""
    await screen.goto(await house.link(await house.held()))
    said = await screen.locator("main").inner_text()
    for words in ("Held: not sent yet", "Check this one:", "outside the company", "the first mail to this address"):
        assert words in said


async def test_what_waits_for_somebodys_word(house: House, screen: Page) -> None:
    await house.for_approval()
    await house.told_the_helper()
    for person in (LEX, HELPER):
        await screen.context.clear_cookies()
        await sign_in(house, screen, person)
        await screen.goto(f"{house.url}/approvals")
        assert await screen.locator(".entry").count() == 1
        assert await wrong(screen) == []
        await screen.locator(".entry a").click()
        assert await wrong(screen) == []


async def test_j_and_k_go_through_what_waits_and_enter_opens(house: House, screen: Page) -> None:
    first, second = await house.for_approval(), await house.for_approval()
    await sign_in(house, screen, LEX)
    await screen.goto(f"{house.url}/approvals")
    links = screen.locator("[data-step]")
    order = [str(await link.get_attribute("href")) for link in await links.all()]
    assert sorted(order) == [f"/approvals/{first}", f"/approvals/{second}"]
    await screen.keyboard.press("j")
    await expect(links.nth(0)).to_be_focused()
    await screen.keyboard.press("j")
    await screen.keyboard.press("j")
    await expect(links.nth(1)).to_be_focused()
    await screen.keyboard.press("k")
    await screen.keyboard.press("Enter")
    await screen.wait_for_url(f"{house.url}{order[0]}")
