"""Signing in to the outbox: codes, cookies and how often one may try."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from mailguard.records import Way
from mailguard.web.app import create_app
from mailguard.web.settings import WebSettings
from tests.web.house import ANN, House, build, stop

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(client: httpx.AsyncClient, address: str = ANN) -> httpx.Response:
    return await client.post("/outbox/sign-in", data={"address": address})


async def enter(client: httpx.AsyncClient, code: str, address: str = ANN) -> httpx.Response:
    return await client.post("/outbox/code", data={"address": address, "code": code})


async def signed_in(house: House, client: httpx.AsyncClient) -> httpx.Response:
    await client.get("/outbox")
    await ask(client)
    return await enter(client, await house.code())


async def test_the_code_opens_a_session_in_a_cookie_nobody_else_can_read(
    house: House, client: httpx.AsyncClient
) -> None:
    answer = await signed_in(house, client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/outbox")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert f"Signed in as {ANN}" in (await client.get("/outbox")).text


async def test_over_tls_cookies_are_secure_and_bound_to_the_host(house: House) -> None:
    settings = WebSettings(url="https://mailguard.corp.example")
    app: Starlette = create_app(house.desk, settings, house.clock)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=settings.url) as client:
        cookie = (await client.get("/outbox")).headers["set-cookie"]
        assert cookie.startswith("__Host-mailguard-browser=")
        assert "Secure" in cookie
        assert "Domain" not in cookie
        assert (await client.post("/outbox/sign-out", headers={"Origin": settings.url})).status_code == 303
        assert (await client.post("/outbox/sign-out", headers={"Origin": house.url})).status_code == 403


@pytest.mark.parametrize("address", ["nobody@else.example", "not an address", "", "x" * 5000, "a@b\r\nBcc: c@d"])
async def test_an_address_that_is_not_ours_gets_the_same_answer_and_no_code(
    house: House, client: httpx.AsyncClient, address: str
) -> None:
    await client.get("/outbox")
    mine, other = await ask(client), await ask(client, address)
    assert (mine.status_code, other.status_code) == (200, 200)
    assert "If " in other.text
    told = [claim.person for claim in await house.notices()]
    assert told == [ANN]


@pytest.mark.parametrize("code", ["", "000", "abcdef", "０００００0", "\x00", "1" * 4000])
async def test_a_wrong_code_opens_nothing(house: House, client: httpx.AsyncClient, code: str) -> None:
    await client.get("/outbox")
    await ask(client)
    answer = await enter(client, code)
    assert answer.status_code == 422
    assert "session" not in answer.headers.get("set-cookie", "")


async def test_a_code_is_good_for_one_session_only(house: House, client: httpx.AsyncClient) -> None:
    await client.get("/outbox")
    await ask(client)
    code = await house.code()
    assert (await enter(client, code)).status_code == 303
    assert (await enter(client, code)).status_code == 422


async def test_a_code_is_too_old_after_ten_minutes(house: House, client: httpx.AsyncClient) -> None:
    await client.get("/outbox")
    await ask(client)
    code = await house.code()
    await house.clock.advance(601)
    assert (await enter(client, code)).status_code == 422


async def test_five_wrong_guesses_end_a_code(house: House, client: httpx.AsyncClient) -> None:
    await client.get("/outbox")
    await ask(client)
    code = await house.code()
    for guess in range(5):
        await enter(client, f"{(int(code) + 1 + guess) % 1_000_000:06}")
    assert (await enter(client, code)).status_code == 422


async def test_without_cookies_it_says_what_to_do(house: House, client: httpx.AsyncClient) -> None:
    answer = await ask(client)
    assert answer.status_code == 422
    assert "Allow cookies" in answer.text


async def test_too_many_tries_are_told_to_wait_and_waiting_helps(house: House, client: httpx.AsyncClient) -> None:
    await client.get("/outbox")
    statuses = [(await enter(client, "000000")).status_code for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    await house.clock.advance(601)
    assert (await enter(client, "000000")).status_code == 422


async def test_one_client_can_not_try_many_addresses(house: House, client: httpx.AsyncClient) -> None:
    await client.get("/outbox")
    statuses = [(await ask(client, f"p{n}@corp.example")).status_code for n in range(40)]
    assert statuses == [200] * 30 + [429] * 10


async def test_a_session_ends_after_its_time(house: House, client: httpx.AsyncClient) -> None:
    await signed_in(house, client)
    await house.clock.advance(12 * 3600 + 1)
    assert "Mail me a code" in (await client.get("/outbox")).text


async def test_a_made_up_cookie_is_nobody(house: House, client: httpx.AsyncClient) -> None:
    client.cookies.set("mailguard-session", "made-up")
    assert "Mail me a code" in (await client.get("/outbox")).text


async def test_steps_opened_by_hand_lead_to_the_outbox(house: House, client: httpx.AsyncClient) -> None:
    for step in ("sign-in", "code", "sign-out"):
        answer = await client.get(f"/outbox/{step}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/outbox")


async def test_a_german_page_is_german(tmp_path: Path) -> None:
    german = await build(tmp_path, language="de")
    async with httpx.AsyncClient(base_url=german.url) as client:
        held = await client.get(await german.link(await german.held()))
        refused = await client.post(f"{await german.link(await german.held())}/cancel", data={"seen": "x"})
        left = await client.get(await german.link(await german.delayed()))
    await stop(german)
    assert "Angehalten: noch nicht gesendet" in held.text
    assert "Diese Nachricht hat sich geändert" in refused.text
    assert "Geht um 10:05:00 Uhr hinaus" in left.text
    assert "in 5 Minuten" in left.text


@pytest_asyncio.fixture(loop_scope="session")
async def polish(tmp_path: Path) -> AsyncIterator[House]:
    house = await build(tmp_path, language="pl")
    yield house
    await stop(house)


async def test_every_page_is_polish_where_the_language_is(polish: House) -> None:
    async with httpx.AsyncClient(base_url=polish.url) as client:
        link = await polish.link(await polish.held())
        page = await client.get(link)
        refused = await client.post(f"{link}/send", data={"seen": "x"})
        left = await client.get(await polish.link(await polish.delayed()))
        await signed_in(polish, client)
        pages = page.text + refused.text + left.text + (await client.get("/outbox")).text
    assert "Wstrzymana: jeszcze nie wysłana" in page.text
    assert "Wyjdzie o 10:05:00" in left.text
    assert "Nic się nie stało" in refused.text
    for english in ("Held", "Send now", "Recipients", "Why", "Stop it", "Cancel", "tick"):
        assert english not in pages.replace('class="tick"', "")


async def test_other_spellings_of_a_mailbox_bring_no_more_tries(house: House, client: httpx.AsyncClient) -> None:
    """Each of them is one mailbox, whose session a right guess opens."""
    local = ANN.partition("@")[0]
    spelt = [ANN, ANN.upper(), f"{ANN}.", f'"{local}"@corp.example', f'"\\{local}"@corp.example', f"{ANN} "]
    await client.get("/outbox")
    statuses = [(await enter(client, "000000", spelt[n % len(spelt)])).status_code for n in range(14)]
    assert statuses == [422] * 10 + [429] * 4


async def test_one_subscriber_is_one_client_whichever_of_its_addresses_asks(
    house: House, client: httpx.AsyncClient
) -> None:
    """A provider gives each customer a network of 2^64 addresses."""
    await client.get("/outbox")
    statuses = []
    for n in range(32):
        said = {"X-Forwarded-For": f"2001:db8::{n:x}"}
        answer = await client.post("/outbox/sign-in", data={"address": f"p{n}@corp.example"}, headers=said)
        statuses.append(answer.status_code)
    assert statuses == [200] * 30 + [429] * 2


async def test_a_way_that_is_switched_off_opens_nothing_that_it_opened_before(house: House) -> None:
    cookie = await house.desk.vouched(ANN, Way.PASSWORD, second=True, name="ann")
    assert cookie
    for on in (True, False):
        settings = WebSettings(url=house.url, passwords=on)
        app: Starlette = create_app(house.desk, settings, house.clock)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=house.url) as one:
            shown = await one.get("/outbox", headers={"Cookie": f"mailguard-session={cookie}"})
            assert (f"Signed in as {ANN}" in shown.text) is on
