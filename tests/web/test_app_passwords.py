"""The page of app passwords, in a real browser without JavaScript."""

import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from mailguard import tokens
from mailguard.records import Actor
from mailguard.web.then import ours
from tests.web.house import ADA, ANN, BOSS, House, build, stop
from tests.web.openid import house_with
from tests.web.test_password import ACCESS
from tests.web.walking import click, press, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PLACE = "/outbox/app-passwords"


async def devices(house: House, page: Page, person: str = ANN) -> None:
    await sign_in(house, page, person)
    await click(page, page.get_by_role("link", name="App passwords"))


async def make(page: Page, name: str) -> str:
    """What is shown, once."""
    await page.get_by_label("Its name").fill(name)
    await press(page, "make")
    return await page.locator(".secret").inner_text()


async def names(house: House, person: str = ANN) -> list[str]:
    return [one.name for one in await house.store.app_passwords(person)]


async def test_one_is_made_shown_once_and_logs_its_person_in(house: House, page: Page) -> None:
    await devices(house, page)
    await expect(page.get_by_text("You have none.")).to_be_visible()
    secret = await make(page, "Ann's phone")
    await expect(page.get_by_role("status")).to_contain_text(ANN)
    found = await house.store.app_password(tokens.app_password_digest(ANN, secret))
    assert found
    assert found.name == "Ann's phone"
    await page.goto(house.url + PLACE)
    assert secret not in await page.content()
    await expect(page.locator(".entry")).to_contain_text("Ann's phone")
    await expect(page.locator(".entry")).to_contain_text("Made on Mon 23 Nov · never used")
    await house.store.app_password_used(tokens.app_password_digest(ANN, secret), house.clock.now().date())
    await page.goto(house.url + PLACE)
    await expect(page.locator(".entry")).to_contain_text("last used on Mon 23 Nov")
    assert secret.encode() not in (house.store.path.read_bytes())


async def test_who_signs_in_for_the_page_is_led_to_it(house: House, page: Page) -> None:
    await page.goto(house.url + PLACE)
    await page.get_by_label("Your mail address").fill(ANN)
    await click(page, page.get_by_role("button", name="Mail me a code"))
    await page.locator("input[name=code]").fill(await house.code())
    await click(page, page.get_by_role("button", name="Sign in"))
    assert page.url == house.url + PLACE


@pytest.mark.parametrize("place", ["/outbox/app-passwords", "/outbox/second-factor", "/outbox/preferences"])
async def test_it_is_a_page_to_be_led_to(place: str) -> None:
    assert ours(place) == place


async def test_the_same_form_sent_again_makes_no_second_one(house: House, page: Page) -> None:
    await devices(house, page)
    await make(page, "Phone")
    await page.get_by_label("Its name").fill("  Phone ")
    await press(page, "make")
    await expect(page.get_by_role("alert")).to_contain_text("There is one for “Phone” already")
    assert await names(house) == ["Phone"]


async def test_revoking_takes_one_press_and_says_so(house: House, page: Page) -> None:
    await devices(house, page)
    for name in ("Phone", "Laptop"):
        await make(page, name)
    await click(page, page.get_by_role("button", name=re.compile("Revoke ?: Phone")))
    await expect(page.get_by_role("status")).to_contain_text("Revoked.")
    assert await names(house) == ["Laptop"]
    kinds = [
        (event.kind, event.actor)
        async for span in house.store.audit()
        for record in span.records
        if (event := record.event) and event.kind.startswith("app_password.")
    ]
    assert kinds == [(f"app_password.{what}", f"{ANN} (outbox)") for what in ("made", "made", "revoked")]


async def test_what_cannot_be_made_is_said(house: House, page: Page) -> None:
    await devices(house, page)
    await page.get_by_label("Its name").fill("   ")
    await press(page, "make")
    await expect(page.get_by_role("alert")).to_contain_text("Give the device a name")
    for number in range(20):
        await house.desk.app_passwords.make(ANN, f"Device {number}")
    await page.get_by_label("Its name").fill("One more")
    await press(page, "make")
    await expect(page.get_by_role("alert")).to_contain_text("You have 20 of them")
    await expect(page.get_by_label("Its name")).to_have_value("One more")
    assert len(await names(house)) == 20


async def test_everybody_sees_and_revokes_their_own_alone(house: House, page: Page) -> None:
    await house.desk.app_passwords.make(BOSS, "Phone")
    await devices(house, page)
    await make(page, "Phone")
    assert await page.locator(".entry").count() == 1
    await click(page, page.get_by_role("button", name=re.compile("Revoke ?: Phone")))
    assert (await names(house), await names(house, BOSS)) == ([], ["Phone"])


async def test_a_strange_name_is_shown_as_it_is(house: House, page: Page) -> None:
    await devices(house, page)
    await make(page, "<b>x</b>\u202e" + "y" * 70)
    (name,) = await names(house)
    assert re.fullmatch(r"<b>x</b> y+…?", name)
    assert len(name) <= 60
    await expect(page.locator(".entry h3")).to_have_text(name)


async def test_nobody_makes_one_without_signing_in_or_from_another_site(
    house: House, client: httpx.AsyncClient
) -> None:
    assert "Mail me a code" in (await client.get(PLACE)).text
    for path in (PLACE, f"{PLACE}/revoke"):
        assert (await client.post(path, data={"name": "Phone"})).headers["location"] == PLACE
        evil = {"Sec-Fetch-Site": "cross-site"}
        assert (await client.post(path, data={"name": "Phone"}, headers=evil)).status_code == 403
    assert (await client.get(f"{PLACE}/revoke")).headers["location"] == PLACE
    assert await house.store.app_passwords() == []


async def test_a_lists_or_machines_address_has_none(house: House) -> None:
    with pytest.raises(Exception, match="Nobody logs in with this address"):
        await house.desk.app_passwords.make("kim@client.example", "Phone")


async def test_whose_role_asks_for_a_second_factor_makes_none_with_a_mailed_code_alone(
    tmp_path: Path, page: Page
) -> None:
    async with house_with(tmp_path, None, access=ACCESS, web={"passwords": True}) as house:
        await sign_in(house, page, ADA)
        await page.goto(house.url + PLACE)
        await expect(page.get_by_role("alert")).to_contain_text("Your role asks for a second factor")
        await house.desk.app_passwords.make(ADA, "Phone")
        answer = await page.request.post(f"{house.url}{PLACE}/revoke", form={"name": "Phone"}, max_redirects=0)
        assert answer.status == 303
        assert await names(house, ADA) == ["Phone"]


async def test_where_there_are_none_there_is_no_page(tmp_path: Path, page: Page) -> None:
    house = await build(tmp_path, app_passwords=0)
    await sign_in(house, page)
    assert await page.get_by_role("link", name="App passwords").count() == 0
    answer = await page.goto(house.url + PLACE)
    assert answer
    assert answer.status == 404
    await stop(house)


async def test_an_administrator_revokes_anybodys(house: House) -> None:
    await house.desk.app_passwords.make(ANN, "Phone")
    by = Actor("root uid=0", "cli")
    assert await house.desk.app_passwords.revoke("Ann@CORP.example", "Phone", by)
    assert not await house.desk.app_passwords.revoke(ANN, "Phone", by)
