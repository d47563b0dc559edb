"""What people choose for themselves, in a real browser without JavaScript; and in whose language a page is."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from mailguard.people import Preference, PreferenceSettings
from mailguard.records import Hold, Power
from tests.web.house import ANN, HANS, LEX, PAT, House, build, stop
from tests.web.walking import click, press, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def preferences(house: House, page: Page, person: str = ANN) -> None:
    await sign_in(house, page, person)
    await click(page, page.get_by_role("link", name="Preferences"))


async def test_what_is_chosen_is_kept_shown_and_in_the_audit(house: House, page: Page) -> None:
    await preferences(house, page)
    await page.get_by_label("My mail to people outside").fill("10")
    await page.get_by_label("Notes that ask nothing of me").select_option("17")
    await press(page, "preferences")
    await expect(page.get_by_role("status")).to_contain_text("Saved.")
    assert house.desk.preferences.now == {ANN: Preference("", 17, 10)}
    await page.goto(f"{house.url}/outbox/preferences")
    await expect(page.get_by_label("My mail to people outside")).to_have_value("10")
    await expect(page.get_by_label("Notes that ask nothing of me")).to_have_value("17")
    await press(page, "preferences")  # the same again is no change
    told = [
        e
        async for span in house.store.audit()
        for record in span.records
        if (e := record.event) and e.kind.startswith("preference.")
    ]
    assert [(event.kind, event.actor) for event in told] == [("preference.set", f"{ANN} (outbox)")]
    assert "10" in str(told[0])


async def test_midnight_and_a_note_of_what_left_are_shown_as_chosen(house: House, page: Page) -> None:
    await preferences(house, page)
    await expect(page.get_by_label("Tell me what really left")).not_to_be_checked()
    await page.get_by_label("Tell me what really left").check()
    await page.get_by_label("Notes that ask nothing of me").select_option("0")
    await press(page, "preferences")
    assert house.desk.preferences.now == {ANN: Preference("", 0, 0, as_sent=True)}
    await page.goto(f"{house.url}/outbox/preferences")
    await expect(page.get_by_label("Tell me what really left")).to_be_checked()
    await expect(page.get_by_label("Notes that ask nothing of me")).to_have_value("0")


async def test_the_pages_change_their_language_with_the_choice(house: House, page: Page) -> None:
    number = await house.held()
    await preferences(house, page)
    await page.get_by_label("Language").select_option("pl")
    await press(page, "preferences")
    await expect(page.get_by_role("status")).to_contain_text("Zapisano.")
    assert await page.locator("html").get_attribute("lang") == "pl"
    await page.goto(await house.link(number))
    await expect(page.locator("h1")).to_contain_text("Wstrzymana: jeszcze nie wysłana")
    await page.goto(await house.link(await house.for_approval(), LEX, Power.APPROVER))
    assert await page.locator("html").get_attribute("lang") == "en", "Lex chose nothing"
    await page.goto(f"{house.url}/outbox/preferences")
    await page.get_by_label("Język").select_option("")
    await press(page, "preferences")
    await expect(page.locator("h1")).to_contain_text("Your preferences")
    assert house.desk.preferences.now == {}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [("wait", "61", "At most 60 minutes"), ("wait", "-1", "whole number"), ("wait", "ten", "whole number"),
     ("digest", "24", "hour of the day"), ("language", "xx", "one of the languages")],
)  # fmt: skip
async def test_what_is_not_allowed_is_refused_and_told(
    house: House, page: Page, field: str, value: str, why: str
) -> None:
    await preferences(house, page)
    form: dict[str, str | float | bool] = {"language": "", "digest": "", "wait": "0", field: value}
    answer = await page.request.post(f"{house.url}/outbox/preferences", form=form)
    assert answer.status == 422
    assert why in await answer.text()
    assert house.desk.preferences.now == {}


async def test_a_stranger_finds_only_the_way_in(house: House, page: Page) -> None:
    await page.goto(f"{house.url}/outbox/preferences")
    await expect(page.get_by_label("Your mail address")).to_be_visible()
    answer = await page.request.post(f"{house.url}/outbox/preferences", form={"wait": "10"}, max_redirects=0)
    assert answer.status == 303
    assert house.desk.preferences.now == {}


async def test_a_post_from_another_site_changes_nothing(house: House, page: Page) -> None:
    await sign_in(house, page)
    answer = await page.request.post(
        f"{house.url}/outbox/preferences", form={"wait": "10"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status == 403
    assert house.desk.preferences.now == {}


@pytest_asyncio.fixture(loop_scope="session")
async def strict(tmp_path: Path) -> AsyncIterator[House]:
    allowed = PreferenceSettings.model_validate({"language": False, "digest": False, "longest_wait": "15m"})
    house = await build(tmp_path, preferences=allowed, language="de")
    yield house
    await stop(house)


async def test_only_what_the_administrator_allows_can_be_chosen(strict: House, page: Page) -> None:
    await page.goto(f"{strict.url}/outbox")  # a browser that asks for English
    await sign_in(strict, page)
    await page.goto(f"{strict.url}/outbox/preferences")
    assert await page.locator("select").count() == 0
    await expect(page.locator("h1")).to_have_text("Ihre Einstellungen")
    answer = await page.request.post(
        f"{strict.url}/outbox/preferences", form={"language": "pl", "digest": "9", "wait": "15"}
    )
    assert answer.ok
    assert strict.desk.preferences.now == {ANN: Preference("", None, 15)}


async def test_a_stranger_reads_what_the_browser_asks_for(house: House, client: httpx.AsyncClient) -> None:
    for header, language in (("pl-PL,pl;q=0.9", "pl"), ("de", "de"), ("fr", "en"), ("", "en")):
        page = await client.get("/outbox", headers={"Accept-Language": header})
        assert f'<html lang="{language}">' in page.text
        missing = await client.get("/m/none", headers={"Accept-Language": header})
        assert f'<html lang="{language}">' in missing.text
    link = await house.link(await house.held())
    assert '<html lang="en">' in (await client.get(link, headers={"Accept-Language": "pl"})).text, "it is Ann's page"


async def test_a_reason_is_in_the_readers_language_also_when_it_was_stored(house: House, page: Page) -> None:
    await preferences(house, page)
    await page.get_by_label("Language").select_option("pl")
    await press(page, "preferences")
    number = await house.put((house.copy(PAT),), hold=Hold("x", ""), why=house.why())
    await page.goto(await house.link(number))
    await expect(page.locator("body")).to_contain_text("1 odbiorca spoza organizacji: pat@client.example")
    await page.goto(await house.link(number, LEX, Power.APPROVER))
    await expect(page.locator("body")).to_contain_text("1 recipient outside the organization: pat@client.example")


async def test_the_console_speaks_to_whoever_looks(house: House, page: Page) -> None:
    number = await house.put((house.copy(PAT),), hold=Hold("x", ""), why=house.why())
    await house.desk.preferences.set(HANS, "de", "", "")
    await sign_in(house, page, HANS)
    await page.goto(f"{house.url}/console/mail/{number}")
    await expect(page.locator("main")).to_contain_text("1 Empfänger außerhalb der Organisation: pat@client.example")


async def test_what_was_chosen_is_known_after_a_restart_as_far_as_it_is_still_allowed(house: House) -> None:
    await house.desk.preferences.set(ANN, "pl", "17", "40")
    house.desk.preferences.now.clear()
    await house.desk.preferences.start()
    assert house.desk.preferences.of(ANN) == Preference("pl", 17, 40)
    house.desk.preferences.allowed = PreferenceSettings.model_validate({"digest": False, "longest_wait": "20m"})
    await house.desk.preferences.start()
    assert house.desk.preferences.of(ANN) == Preference("pl", None, 20)
