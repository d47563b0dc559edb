"""Enrolling a second factor on the pages, in a real browser without JavaScript."""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from mailguard.desk import Factors
from tests.web.house import ADA, ANN, House
from tests.web.openid import PASSWORD, house_with
from tests.web.test_password import ACCESS, BY, code, enrol, prove
from tests.web.walking import click, press, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PLACE = "/outbox/second-factor"


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_with(tmp_path, None, access=ACCESS, web={"passwords": True}) as house:
        yield house


async def begin(page: Page, name: str = "ada", password: str = PASSWORD, code: str = "") -> None:
    await page.get_by_label("Name of your login").fill(name)
    await page.get_by_label("Its password").fill(password)
    await page.get_by_label("If you have a second factor already").fill(code)
    await press(page, "begin")


async def open_page(house: House, page: Page, person: str = ADA) -> None:
    await sign_in(house, page, person)
    await click(page, page.get_by_role("link", name="Second factor"))


async def shown(house: House, page: Page) -> pyotp.TOTP:
    """The app that the page's link, its key and its picture are for."""
    uri = await page.get_by_role("link", name="Open it in the app").get_attribute("href")
    assert uri
    app = pyotp.parse_uri(uri)
    assert isinstance(app, pyotp.TOTP)
    assert app.secret == (await page.locator(".secret").inner_text()).replace(" ", "").strip()
    return app


def now(house: House, app: pyotp.TOTP) -> str:
    return app.at(int(house.clock.now().timestamp()))


async def confirm(page: Page, said: str) -> None:
    await page.get_by_label("Code of the app").fill(said)
    await press(page, "confirm")


async def hidden(page: Page) -> dict[str, str]:
    """What the form brings back."""
    names = ("login", "until", "mark")
    return {name: await page.locator(f"#confirm [name={name}]").get_attribute("value") or "" for name in names}


async def post(house: House, page: Page, path: str, form: Mapping[str, str | float | bool]) -> int:
    """With the cookies that this browser has."""
    return (await page.request.post(f"{house.url}{PLACE}{path}", form={**form})).status


async def factor(house: House, name: str = "ada") -> str:
    return await Factors(house.store, house.clock).secret(name)


async def test_it_counts_once_its_first_code_was_right(house: House, page: Page) -> None:
    await open_page(house, page)
    await begin(page)
    app = await shown(house, page)
    assert (app.issuer, app.name, len(app.secret)) == ("mailguard Corp", "ada", 32)
    assert await factor(house) == ""
    wrong = "000000" if now(house, app) != "000000" else "111111"
    await confirm(page, wrong)
    await expect(page.get_by_role("alert")).to_contain_text("not the app’s code of now")
    assert (await shown(house, page)).secret == app.secret, "the same picture: it is in the app already"
    assert await factor(house) == ""
    used = now(house, app)
    await confirm(page, used)
    await expect(page.get_by_role("status")).to_contain_text("It counts from now on")
    recovery = (await page.locator(".secret").inner_text()).split()
    assert len(recovery) == 10
    assert await factor(house) == app.secret
    async with httpx.AsyncClient(base_url=house.url) as client:
        assert not await prove(client, used), "a code is good once, also the first"
        assert await prove(client, recovery[0])
        await house.clock.advance(30)
        assert await prove(client, now(house, app))
    enrolled = [
        event.actor
        async for span in house.store.audit()
        for record in span.records
        if (event := record.event) and event.kind == "factor.enrolled"
    ]
    assert enrolled == [f"{ADA} (outbox)"]


async def test_the_picture_is_what_a_camera_reads_as_the_same(house: House, page: Page) -> None:
    """Drawn again from the link, module by module."""
    import segno

    await open_page(house, page)
    await begin(page)
    uri = await page.get_by_role("link", name="Open it in the app").get_attribute("href")
    assert uri
    size = segno.make(uri, micro=False, error="m").symbol_size(border=4)[0]
    assert await page.locator(".qr svg").get_attribute("viewBox") == f"0 0 {size} {size}"
    box = await page.locator(".qr svg").bounding_box()
    assert box
    assert 200 <= box["width"] <= 300


async def test_a_wrong_password_or_somebody_elses_login_shows_nothing(house: House, page: Page) -> None:
    await open_page(house, page)
    for name, password in (("ada", "wrong"), ("ann", PASSWORD), ("nobody", "guess"), ("ada", "g" * 1024)):
        await begin(page, name, password)
        await expect(page.get_by_role("alert")).to_contain_text("do not fit together")
        assert await page.locator(".qr").count() == 0
        await expect(page.get_by_label("Name of your login")).to_have_value(name)
        assert password not in await page.content()


async def test_another_one_needs_a_code_of_the_one_before(house: House, page: Page) -> None:
    made = await enrol(house)
    await open_page(house, page)
    for said in ("", "123456" if code(house, made) != "123456" else "654321"):
        await begin(page, code=said)
        await expect(page.get_by_role("alert")).to_contain_text("also needs a code")
    await begin(page, code=code(house, made))
    app = await shown(house, page)
    assert await factor(house) == pyotp.parse_uri(made.uri).secret, "the old one until the new one was confirmed"
    await confirm(page, now(house, app))
    assert await factor(house) == app.secret
    async with httpx.AsyncClient(base_url=house.url) as client:
        assert not await prove(client, made.recovery[0]), "the old one's are gone with it"


async def test_a_recovery_code_does_for_who_lost_the_app(house: House, page: Page) -> None:
    made = await enrol(house)
    await open_page(house, page)
    await begin(page, code=made.recovery[3])
    await confirm(page, now(house, await shown(house, page)))
    assert await factor(house) != pyotp.parse_uri(made.uri).secret


async def test_what_was_begun_ends_with_time_and_with_another_enrolment(house: House, page: Page) -> None:
    await open_page(house, page)
    await begin(page)
    app = await shown(house, page)
    await house.clock.advance(601)
    await confirm(page, now(house, app))
    await expect(page.get_by_role("alert")).to_contain_text("That took too long")
    await begin(page)
    app = await shown(house, page)
    await Factors(house.store, house.clock).enrol("ada", "mailguard", BY)
    known = await factor(house)
    await confirm(page, now(house, app))
    await expect(page.get_by_role("alert")).to_contain_text("changed meanwhile")
    assert await factor(house) == known


async def test_loaded_again_the_last_page_changes_nothing(house: House, page: Page) -> None:
    await open_page(house, page)
    await begin(page)
    fields = await hidden(page)
    said = now(house, await shown(house, page))
    await confirm(page, said)
    known = await house.store.factor("ada")
    assert await post(house, page, "/confirm", {**fields, "code": said}) == 422
    assert await house.store.factor("ada") == known


async def test_a_form_of_ones_own_making_or_another_persons_is_none(house: House, page: Page) -> None:
    await open_page(house, page)
    await begin(page)
    app = await shown(house, page)
    fields = await hidden(page)
    later = str(int(fields["until"]) + 3600)
    for changed in ({"login": "bob"}, {"until": later}, {"until": "²"}, {"mark": "x.y"}, {"mark": ""}):
        form = {**fields, "code": now(house, app), **changed}
        assert await post(house, page, "/confirm", form) == 422
    await click(page, page.get_by_role("button", name="Sign out"))
    await sign_in(house, page, ANN)
    form = {**fields, "code": now(house, app)}
    assert await post(house, page, "/confirm", form) == 422
    assert await factor(house) == ""


async def test_nobody_begins_without_signing_in_or_from_another_site(house: House) -> None:
    async with httpx.AsyncClient(base_url=house.url) as client:
        assert "Mail me a code" in (await client.get(PLACE)).text
        for path in (PLACE, f"{PLACE}/confirm"):
            form = {"name": "ada", "password": PASSWORD}
            assert (await client.post(path, data=form)).headers["location"] == PLACE
            evil = {"Sec-Fetch-Site": "cross-site"}
            assert (await client.post(path, data=form, headers=evil)).status_code == 403
        assert (await client.get(f"{PLACE}/confirm")).headers["location"] == PLACE


async def test_who_guesses_is_told_to_wait(house: House, page: Page) -> None:
    await open_page(house, page)
    form = {"name": "ada", "password": "guess"}
    found = [await post(house, page, "", form) for _ in range(12)]
    assert found == [422] * 10 + [429] * 2


async def test_where_passwords_open_nothing_there_is_no_page(tmp_path: Path, page: Page) -> None:
    async with house_with(tmp_path, None) as house:
        await sign_in(house, page)
        assert await page.get_by_role("link", name=re.compile("Second factor")).count() == 0
        answer = await page.goto(house.url + PLACE)
        assert answer
        assert answer.status == 404
