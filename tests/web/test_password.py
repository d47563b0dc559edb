"""Signing in with a login's password and an app's code, and roles that ask for it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from mailguard.desk import Factors
from mailguard.desk.factor import Enrolled
from mailguard.people.access import Access
from mailguard.records import Actor
from tests.web.house import ADA, LEX, House
from tests.web.openid import PASSWORD, house_with
from tests.web.walking import click, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACCESS = Access(admin=(ADA,), second_factor=("admin",))
BY = Actor("root uid=0", "cli")


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(house_with(tmp_path, None, access=ACCESS, web={"passwords": True}))


@pytest_asyncio.fixture(loop_scope="session")
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=house.url) as client:
        yield client


async def enrol(house: House, name: str = "ada") -> Enrolled:
    return await Factors(house.store, house.clock).enrol(name, "mailguard Corp", BY)


def code(house: House, made: Enrolled, *, seconds: int = 0) -> str:
    """What the app shows, at a time that is so far from now."""
    app = pyotp.parse_uri(made.uri)
    assert isinstance(app, pyotp.TOTP)
    return app.at(int(house.clock.now().timestamp()) + seconds)


async def prove(client: httpx.AsyncClient, code: str, *, name: str = "ada", password: str = PASSWORD) -> bool:
    """Whether that opened a session."""
    form = {"name": name, "password": password, "code": code, "then": "/console"}
    answer = await client.post("/outbox/password", data=form)
    opened = "mailguard-session" in answer.headers.get("set-cookie", "")
    assert answer.status_code == (303 if opened else 422)
    if not opened:
        assert "Name, password and code do not fit together" in answer.text
        assert f'<input name="name" value="{name}"' in answer.text, "unfolded, and only the rest to be typed again"
    return opened


async def refusals(house: House) -> list[str]:
    found = [record.event async for span in house.store.audit() for record in span.records if record.event]
    return [event.data["why"] for event in found if event.kind == "session.refused"]


async def test_an_app_is_told_where_it_is_for(house: House) -> None:
    made = await enrol(house)
    assert made.uri.startswith("otpauth://totp/mailguard%20Corp:ada?secret=")
    assert len(set(made.recovery)) == 10
    assert all(len(each) == 19 for each in made.recovery)


async def test_password_and_code_open_the_console(house: House, client: httpx.AsyncClient) -> None:
    made = await enrol(house)
    assert await prove(client, code(house, made))
    assert f"Signed in as {ADA}" in (await client.get("/outbox")).text
    assert (await client.get("/console")).status_code == 200


async def test_neither_alone_opens_anything(house: House, client: httpx.AsyncClient) -> None:
    made = await enrol(house)
    assert not await prove(client, code(house, made), password="wrong")
    assert not await prove(client, "")
    assert not await prove(client, code(house, made), password="")
    assert not await prove(client, "123456" if code(house, made) != "123456" else "654321")
    assert not await prove(client, code(house, made), name="bob")  # has no factor
    assert await refusals(house) == ["a wrong code", "no second factor is enrolled"]  # strangers are not recorded


async def test_a_code_is_good_once(house: House, client: httpx.AsyncClient) -> None:
    made = await enrol(house)
    now = code(house, made)
    assert await prove(client, now)
    assert not await prove(client, now)
    assert not await prove(client, code(house, made, seconds=-30))
    await house.clock.advance(30)
    assert await prove(client, code(house, made))
    assert await refusals(house) == ["a code that was used already"] * 2


@pytest.mark.parametrize(("seconds", "good"), [(-60, False), (-30, True), (30, True), (60, False)])
async def test_the_apps_clock_may_be_half_a_minute_off(
    house: House, client: httpx.AsyncClient, seconds: int, *, good: bool
) -> None:
    made = await enrol(house)
    assert await prove(client, code(house, made, seconds=seconds)) is good


async def test_a_recovery_code_is_good_once_however_it_is_typed(house: House, client: httpx.AsyncClient) -> None:
    made = await enrol(house)
    assert await prove(client, made.recovery[0].upper().replace("-", " "))
    assert not await prove(client, made.recovery[0])
    assert await prove(client, made.recovery[1])


async def test_after_twenty_wrong_codes_only_a_recovery_code_helps(house: House, client: httpx.AsyncClient) -> None:
    made = await enrol(house)
    for _ in range(20):
        await house.clock.advance(61)
        assert not await prove(client, "x")
    await house.clock.advance(601)
    assert not await prove(client, code(house, made))
    assert (await refusals(house))[-1] == "too many wrong codes: enrol again with mailguard user totp ada"
    assert await prove(client, made.recovery[0])
    assert await prove(client, code(house, made))


async def test_too_many_tries_are_told_to_wait(house: House, client: httpx.AsyncClient) -> None:
    made = await enrol(house)
    form = {"name": "ada", "password": PASSWORD, "code": "x"}
    statuses = [(await client.post("/outbox/password", data=form)).status_code for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    form["code"] = code(house, made)
    assert (await client.post("/outbox/password", data=form)).status_code == 429


async def test_another_sites_form_proves_nothing(house: House, client: httpx.AsyncClient) -> None:
    made = await enrol(house)
    form = {"name": "ada", "password": PASSWORD, "code": code(house, made)}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert (await client.post("/outbox/password", data=form, headers=headers)).status_code == 403


async def test_without_the_setting_there_is_no_such_way(tmp_path: Path) -> None:
    async with house_with(tmp_path, None) as house, httpx.AsyncClient(base_url=house.url) as client:
        made = await enrol(house)
        form = {"name": "ada", "password": PASSWORD, "code": code(house, made)}
        assert (await client.post("/outbox/password", data=form)).status_code == 405
        assert "Password" not in (await client.get("/outbox")).text


async def test_without_mailed_codes_there_is_no_such_way(tmp_path: Path) -> None:
    web = {"passwords": True, "codes": False}
    async with house_with(tmp_path, None, web=web) as house, httpx.AsyncClient(base_url=house.url) as client:
        page = await client.get("/outbox")
        assert "Mail me a code" not in page.text
        assert (await client.post("/outbox/sign-in", data={"address": ADA})).status_code == 405
        assert (await client.post("/outbox/code", data={"address": ADA, "code": "1"})).status_code == 405


async def test_a_session_ends_when_the_settings_say(tmp_path: Path) -> None:
    web = {"passwords": True, "session": "1h"}
    async with house_with(tmp_path, None, web=web) as house, httpx.AsyncClient(base_url=house.url) as client:
        assert house.desk.lasts.total_seconds() == 3600
        assert await prove(client, code(house, await enrol(house)))
        assert "Signed in as" in (await client.get("/outbox")).text
        await house.clock.advance(3601)
        assert "Signed in as" not in (await client.get("/outbox")).text


async def test_another_factor_ends_what_the_one_before_opened(house: House, client: httpx.AsyncClient) -> None:
    assert await prove(client, code(house, await enrol(house)))
    await enrol(house)
    assert "Signed in as" not in (await client.get("/outbox")).text


@pytest.mark.browser
async def test_a_mailed_code_does_not_open_a_role_that_asks_for_more(house: House, page: Page) -> None:
    made = await enrol(house)
    await sign_in(house, page, ADA)
    for place in ("/console", "/approvals"):
        await page.goto(house.url + place)
        await expect(page.get_by_role("alert")).to_contain_text("Your role asks for a second factor")
        assert await page.get_by_role("button", name="Mail me a code").count() == 0
    await page.get_by_label("Name").fill("ada")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Code of your app").fill(code(house, made))
    await click(page, page.get_by_role("button", name="Sign in"))
    assert page.url == f"{house.url}/approvals"
    await expect(page.get_by_text(f"Signed in as {ADA}")).to_be_visible()
    await page.goto(f"{house.url}/console")
    await expect(page.get_by_role("link", name="Mails")).to_be_visible()


@pytest.mark.browser
async def test_who_has_no_such_role_needs_no_more_than_a_code(house: House, page: Page) -> None:
    await house.for_approval()
    await sign_in(house, page, LEX)
    await page.goto(f"{house.url}/approvals")
    assert await page.locator(".entry").count() == 1
