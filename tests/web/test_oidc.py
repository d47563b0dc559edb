"""Signing in at a real OpenID provider, in a real browser."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from mailguard.people.access import Access, OfClaim
from mailguard.records import Way
from tests.web.house import ADA, ANN, BOSS, House
from tests.web.openid import There, house_with, install
from tests.web.walking import click

pytestmark = [
    pytest.mark.browser, pytest.mark.clients("node"), pytest.mark.clients("npm"),
    pytest.mark.asyncio(loop_scope="session"),
]  # fmt: skip


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("npm"))


class Street:
    """Houses that a test builds, each with a provider of its own."""

    def __init__(self, script: Path, folder: Path, stack: AsyncExitStack) -> None:
        self._script, self._folder, self._stack = script, folder, stack
        self.there = There(script)

    async def house(self, **more: Any) -> House:
        return await self._stack.enter_async_context(house_with(self._folder, self.there, **more))


@pytest_asyncio.fixture(loop_scope="session")
async def street(script: Path, tmp_path: Path) -> AsyncIterator[Street]:
    async with AsyncExitStack() as stack:
        yield Street(script, tmp_path, stack)


async def go_there(page: Page, url: str, who: str) -> None:
    """From a page that asks for it, by way of the provider, to where that page leads."""
    await page.goto(url)
    await click(page, page.get_by_role("link", name="Sign in with Corp login"))
    await page.get_by_label("Who").fill(who)
    await page.get_by_role("button", name="Log in").click()


async def events(house: House, kind: str) -> list[dict[str, str]]:
    found = [record.event async for span in house.store.audit() for record in span.records if record.event]
    return [{"who": event.actor, **event.data} for event in found if event.kind == kind]


async def test_somebody_signs_in_there_comes_back_and_signs_out(street: Street, page: Page) -> None:
    house = await street.house()
    await go_there(page, f"{house.url}/outbox", ANN)
    await page.wait_for_url(f"{house.url}/outbox")
    await expect(page.get_by_text(f"Signed in as {ANN}")).to_be_visible()
    assert await events(house, "session.opened") == [{"who": f"{ANN} (outbox)", "way": Way.OIDC}]
    cookies = {str(cookie["name"]): cookie for cookie in await page.context.cookies(house.url)}
    assert cookies["mailguard-session"]["sameSite"] == "Strict"
    assert cookies["mailguard-session"]["httpOnly"]
    assert "mailguard-oidc" not in cookies
    await click(page, page.get_by_role("button", name="Sign out"))
    await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    await click(page, page.get_by_role("link", name="Sign out at Corp login too"))
    assert page.url.startswith(street.there.issuer)
    await page.goto(f"{house.url}/outbox")
    await expect(page.get_by_role("link", name="Sign in with Corp login")).to_be_visible()


async def test_reading_a_mail_leads_back_to_that_mail(street: Street, page: Page) -> None:
    house = await street.house(web={"codes": False})
    link = await house.link(await house.held())
    await go_there(page, f"{link}/text", BOSS)
    await expect(page.get_by_role("heading", name="Reading needs one more step")).to_be_visible()  # it is Ann's
    await page.context.clear_cookies()
    await go_there(page, f"{link}/text", ANN)
    await page.wait_for_url(f"{link}/text")
    assert await page.get_by_role("heading", name="Reading needs one more step").count() == 0


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("ann+unverified@corp.example", "Corp login did not prove who you are"),
        ("ann@elsewhere.example", "ann@elsewhere.example, which is nobody's mailbox here"),
    ],
)
async def test_whose_address_is_not_sure_or_not_ours_stays_out(street: Street, page: Page, who: str, said: str) -> None:
    house = await street.house()
    await go_there(page, f"{house.url}/outbox", who)
    await expect(page.get_by_role("alert")).to_contain_text(said)
    await page.goto(f"{house.url}/outbox")
    await expect(page.get_by_role("button", name="Mail me a code")).to_be_visible()
    assert await events(house, "session.opened") == []


async def test_a_role_that_asks_for_a_second_factor_gets_it_from_there(street: Street, page: Page) -> None:
    house = await street.house(access=Access(admin=(ADA,), second_factor=("admin",)))
    await go_there(page, f"{house.url}/console", ADA)
    await expect(page.get_by_role("alert")).to_contain_text("Your role asks for a second factor")
    assert await page.get_by_role("button", name="Mail me a code").count() == 0
    await page.goto(f"{house.url}/outbox")
    await expect(page.get_by_text(f"Signed in as {ADA}")).to_be_visible()
    await page.context.clear_cookies()
    await go_there(page, f"{house.url}/console", "ada+mfa@corp.example")
    await page.wait_for_url(f"{house.url}/console")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert (await events(house, "session.opened"))[-1]["second_factor"] == "yes"


async def test_a_role_may_come_from_what_it_says_of_somebody(street: Street, page: Page) -> None:
    house = await street.house(access=Access(helpdesk=(OfClaim(claim="bosses"),)), groups="roles")
    await go_there(page, f"{house.url}/console", "ann+boss@corp.example")
    await page.wait_for_url(f"{house.url}/console")
    await expect(page.get_by_role("link", name="Mails")).to_be_visible()
    await click(page, page.get_by_role("button", name="Sign out"))
    await page.context.clear_cookies()
    await go_there(page, f"{house.url}/console", ANN)
    await page.wait_for_url(f"{house.url}/console")
    assert await page.get_by_role("link", name="Mails").count() == 0


async def test_when_it_is_down_the_page_says_so_and_mails_a_code(street: Street, page: Page) -> None:
    house = await street.house()
    await street.there.stop()
    await page.goto(f"{house.url}/outbox")
    await click(page, page.get_by_role("link", name="Sign in with Corp login"))
    await expect(page.get_by_role("alert")).to_contain_text("Corp login does not answer at the moment")
    await page.get_by_label("Your mail address").fill(ANN)
    await click(page, page.get_by_role("button", name="Mail me a code"))
    await page.locator("input[name=code]").fill(await house.code())
    await click(page, page.get_by_role("button", name="Sign in"))
    await expect(page.get_by_text(f"Signed in as {ANN}")).to_be_visible()


async def test_an_answer_is_good_once_and_only_for_who_asked(street: Street, page: Page) -> None:
    house = await street.house()
    answers: list[str] = []
    page.on("request", lambda request: answers.append(request.url) if "/oidc/back" in request.url else None)
    await go_there(page, f"{house.url}/outbox", ANN)
    await page.wait_for_url(f"{house.url}/outbox")
    asked = await page.request.get(f"{house.url}/outbox/oidc", max_redirects=0)
    flow = asked.headers["set-cookie"].partition(";")[0].partition("=")[2]
    async with httpx.AsyncClient(base_url=house.url) as stranger:
        answer = await stranger.get(answers[0])
        assert (answer.status_code, "session" in answer.headers.get("set-cookie", "")) == (422, False)
        answer = await stranger.get(answers[0], headers={"Cookie": f"mailguard-oidc={flow}"})
        assert (answer.status_code, "session" in answer.headers.get("set-cookie", "")) == (403, False)


async def test_the_way_there_leads_back_to_our_own_pages_alone(street: Street) -> None:
    house = await street.house()
    async with httpx.AsyncClient(base_url=house.url) as client:
        for then in ("https://evil.example", "//evil.example", "/m/../..//evil.example/text", "/outbox\r\nX: y"):
            answer = await client.get("/outbox/oidc", params={"then": then})
            assert answer.status_code == 303
            assert answer.headers["location"].startswith(street.there.issuer)
            cookie = answer.headers["set-cookie"]
            assert "evil" not in cookie
            assert "./outbox" in cookie
            assert "SameSite=lax" in cookie


async def test_looking_without_opening_changes_nothing(street: Street) -> None:
    house = await street.house()
    async with httpx.AsyncClient(base_url=house.url) as client:
        answer = await client.head("/outbox/oidc/back", params={"code": "x", "state": "y"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/outbox")
        assert (await client.post("/outbox/oidc/back")).status_code == 405
