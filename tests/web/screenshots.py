"""Takes the pictures in docs/images: `python -m tests.web.screenshots [FOLDER]`. Run by hand after a change of looks.

With a FOLDER it also takes each page narrow and wide, light and dark, to be looked at.
"""

import asyncio
import email
import sys
import tempfile
from email import policy
from email.message import EmailMessage
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from mailguard.records import NoticeKind, Power
from tests import tools
from tests.web.conftest import ARGUMENTS
from tests.web.house import ANN, HELPER, LEX, House, build, stop

KEPT = Path(__file__).parent.parent.parent / "docs" / "images"
PHONE, DESK = (360, 780), (1280, 800)


async def shoot(
    browser: Browser, target: Path, url: str, size: tuple[int, int], *, dark: bool = False, scale: float = 2
) -> None:
    """The whole page, as somebody with this screen and these habits sees it."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light",
        device_scale_factor=scale if size == PHONE else 1, java_script_enabled=False,
    )  # fmt: skip
    page = await context.new_page()
    await page.goto(url)
    await page.screenshot(path=target, full_page=True)
    await context.close()


async def outbox(browser: Browser, house: House, target: Path) -> None:
    """Signed in, with a few mails in the list."""
    context = await browser.new_context(viewport={"width": 760, "height": 700}, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{house.url}/outbox")
    await page.get_by_label("Your mail address").fill(ANN)
    await page.get_by_role("button", name="Mail me a code").click()
    await page.locator("input[name=code]").fill(await house.code())
    async with page.expect_navigation():
        await page.get_by_role("button", name="Sign in").click()
    await page.screenshot(path=target, full_page=True)
    await context.close()


async def pages(house: House) -> dict[str, str]:
    """Name → address of every kind of page."""
    cancelled = await house.held(subject="Minutes of Monday")
    view = await house.desk.own(ANN, cancelled)
    assert view is not None
    await house.desk.cancel(view, [cancelled], view.seen)
    boss = await house.to_boss()
    await house.held(subject="Draft contract, confidential")
    return {
        "held": await house.link(await house.held()),
        "delayed": await house.link(await house.delayed(subject="Invoice 2026-117")),
        "approver": await house.link(await house.for_approval(), LEX, Power.APPROVER),
        "assistant": await house.link(boss, HELPER, Power.ASSISTANT),
        "cancelled": await house.link(cancelled),
        "unknown": f"{house.url}/m/none",
        "outbox": f"{house.url}/outbox",
    }


async def notice(house: House, folder: Path, link: str) -> str:
    """The HTML of the notice of a held mail, as a file."""
    number = await house.held()
    raw = await house.notice(NoticeKind.HELD, number, link)
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("html",))
    assert body is not None
    (folder / "notice.html").write_text(body.get_content(), "utf-8")
    return (folder / "notice.html").as_uri()


async def main(folder: Path | None) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=tools.find("chromium"), args=list(ARGUMENTS))
        with tempfile.TemporaryDirectory() as scratch:
            house = await build(Path(scratch))
            urls = await pages(house)
            written = await notice(house, Path(scratch), urls["held"])
            await shoot(browser, KEPT / "release-page-narrow.png", urls["held"], PHONE, scale=1)
            await shoot(browser, KEPT / "release-page-wide.png", urls["held"], DESK)
            await shoot(browser, KEPT / "notice.png", written, (760, 700))
            await outbox(browser, house, KEPT / "outbox.png")
            for name, url in {**urls, "notice": written}.items() if folder else ():
                for size in (PHONE, DESK):
                    for dark in (False, True):
                        target = f"{name}-{size[0]}{'-dark' if dark else ''}.png"
                        await shoot(browser, folder / target if folder else KEPT, url, size, dark=dark)
            await stop(house)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
