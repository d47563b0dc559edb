"""What a mail of others says: for who has the right to read, with a reason, and never as more than text."""

import asyncio

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.web.house import ADA, HANS, House
from tests.web.test_console import sign_in
from tests.web.test_mail_page import LETTER, letter
from tests.web.walking import click
from tests.web.walking import sign_in as walk_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_html_and_files_of_others_need_a_reason_and_leave_a_record_each(
    house: House, client: httpx.AsyncClient
) -> None:
    number = await letter(house)
    await sign_in(house, client)
    page = f"/console/mail/{number}"
    for path in ("/html", "/file/0"):
        assert (await client.get(page + path)).status_code == 303
        assert (await client.post(page + path, data={"why": ""})).status_code == 422
    assert (await client.post(page + "/file/99", data={"why": "asked by ann"})).status_code == 404
    html = await client.post(page + "/html", data={"why": "asked by ann"})
    assert "sandbox" in html.headers["Content-Security-Policy"]
    assert "default-src 'none'" in html.headers["Content-Security-Policy"]
    assert "<script" in html.text  # as it was sent; the frame runs nothing
    file = await client.post(page + "/file/0", data={"why": "asked by ann"})
    assert file.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert file.headers["Content-Type"] == "application/octet-stream"
    events = [e for e in await house.store.events(number) if e.kind in ("message.read", "file.read")]
    assert [(e.kind, e.actor, e.data["why"], e.data.get("file", e.data.get("part"))) for e in events] == [
        ("file.read", f"{ADA} (console)", "asked by ann", "99"),
        ("message.read", f"{ADA} (console)", "asked by ann", "html"),
        ("file.read", f"{ADA} (console)", "asked by ann", "0"),
    ]


async def test_without_the_right_to_read_there_is_no_html_and_no_file(house: House, client: httpx.AsyncClient) -> None:
    number = await letter(house)
    await sign_in(house, client, HANS)
    for path in ("read", "html", "file/0"):
        answer = await client.post(f"/console/mail/{number}/{path}", data={"why": "curious"})
        assert answer.status_code == 404
    assert not [e for e in await house.store.events(number) if e.kind.endswith(".read")]


async def test_the_html_of_others_is_shown_in_its_frame_and_runs_and_loads_nothing(
    house: House, scripted: Page
) -> None:
    visitors: list[object] = []
    elsewhere = await asyncio.start_server(lambda _, writer: visitors.append(writer), "127.0.0.1", 0)
    port = elsewhere.sockets[0].getsockname()[1]
    number = await letter(house, LETTER.replace(b"127.0.0.1:9", f"127.0.0.1:{port}".encode()))
    await walk_in(house, scripted, ADA)
    await scripted.goto(f"{house.url}/console/mail/{number}")
    await scripted.get_by_label("Why do you need to read it?").fill("asked by ann")
    await click(scripted, scripted.get_by_role("button", name="Show the text"))
    await scripted.get_by_role("button", name="Show it below").click()
    frame = scripted.frame_locator("iframe")
    await expect(frame.locator("#letter")).to_have_text("The price is strictly confidential today.")
    async with scripted.expect_download() as waited:
        await scripted.get_by_role("button", name="Download page.html").click()
    assert (await waited.value).suggested_filename == "page.html"
    await scripted.wait_for_load_state("networkidle")
    elsewhere.close()
    assert visitors == []
