"""Takes the pictures in docs/images: `make pictures`. Every page narrow, wide and in the dark, to be looked at.

They are WebP, which Chromium itself makes of what it drew: a tenth of the bytes, and as sharp.
"""

import asyncio
import base64
import email
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pyotp
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from mailguard.demo.cast import ANN as DEMO_ANN
from mailguard.demo.stories import STORIES, history
from mailguard.demo.world import OutsideWorld
from mailguard.records import Hold, Kept, NoticeKind, Power
from tests import tools
from tests.flow import house as flow
from tests.web.conftest import ARGUMENTS
from tests.web.house import ADA, ANN, HELPER, LEX, PAT, ROB, House, build, stop
from tests.web.openid import NAME, PASSWORD, house_with
from tests.web.test_mail_page import letter
from tests.web.walking import click, sign_in

KEPT = Path(__file__).parent.parent.parent / "docs" / "images"
LOOKS = {"narrow": ((360, 740), False), "wide": ((1280, 800), False), "dark": ((1280, 800), True)}
HIGHEST = 1600  # pixels of a picture; what is below looks like what is above
_WEBP = """async (png) => {
  const image = await createImageBitmap(await (await fetch('data:image/png;base64,' + png)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({type: 'image/webp', quality: 0.8})).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}"""

Step = Callable[[Page], Awaitable[None]]


async def _nothing(_: Page) -> None:
    """The page as it is opened."""


async def _ask_for_a_code(page: Page) -> None:
    await page.get_by_label("Your mail address").fill(ANN)
    await click(page, page.get_by_role("button", name="Mail me a code"))


async def _make_a_password(page: Page) -> None:
    for name in ("Phone", "Laptop at home"):
        await page.get_by_label("Its name").fill(name)
        await click(page, page.get_by_role("button", name="Make a password"))


async def enrol(page: Page) -> None:
    await page.get_by_label("Name of your login").fill("ada")
    await page.get_by_label("Its password").fill(PASSWORD)
    await click(page, page.get_by_role("button", name="Go on"))


async def confirm(page: Page) -> None:
    await enrol(page)
    uri = await page.locator("a[href^='otpauth:']").get_attribute("href")
    app = pyotp.parse_uri(uri or "")
    assert isinstance(app, pyotp.TOTP)
    await page.get_by_label("Code of the app").fill(app.now())
    await click(page, page.get_by_role("button", name="Confirm"))


async def _read(page: Page) -> None:
    await page.get_by_label("Why do you need to read it?").fill("asked by Ann, ticket 4711")
    await click(page, page.get_by_role("button", name="Show the text"))


async def _try(page: Page) -> None:
    await page.locator("textarea").fill(
        "version: 1\nrules:\n  - {id: clients-wait, when: {recipients: {any: external}}, then: [{delay: 10m}]}\n"
    )
    await click(page, page.locator("form:has(textarea) button").first)


async def _mistype(page: Page) -> None:
    await page.locator("textarea").fill(
        "version: 1\nrules:\n  - {id: clients-wait, when: {recipients: {any: externl}}, then: [{delay: 10m}]}\n"
    )
    await click(page, page.locator("form:has(textarea) button").first)


async def _stop_it(page: Page) -> None:
    await page.locator("input[name=confirm]").check()
    await click(page, page.locator("form:has(input[name=confirm]) button").first)


# Each: who is signed in ('' for nobody), where, and what is done there. A place that stands in `places` is filled in.
PAGES: Mapping[str, tuple[str, str, Step]] = {
    "held": ("", "{held}", _nothing),
    "delayed": ("", "{delayed}", _nothing),
    "approver": ("", "{approver}", _nothing),
    "assistant": ("", "{assistant}", _nothing),
    "cancelled": ("", "{cancelled}", _nothing),
    "left": ("", "{left}", _nothing),
    "unknown": ("", "/m/none", _nothing),
    "notice": ("", "{notice}", _nothing),
    "sign-in": ("", "/outbox", _nothing),
    "code": ("", "/outbox", _ask_for_a_code),
    "outbox": (ANN, "/outbox", _nothing),
    "preferences": (ANN, "/outbox/preferences", _nothing),
    "app-passwords": (ANN, "/outbox/app-passwords", _make_a_password),
    "meant": (ANN, "/outbox/{meant}", _nothing),
    "reading": (ANN, "/outbox/{letter}/text", _nothing),
    "first-aid": ("", "{left}/aid", _nothing),
    "approvals": (LEX, "/approvals", _nothing),
    "console-search": (ADA, "/console", _nothing),
    "console-mail": (ADA, "/console/mail/{shown}", _nothing),
    "console-nothing": (ADA, "/console/mail/4F7K", _nothing),
    "console-content": (ADA, "/console/mail/{letter}", _read),
    "console-preview": (ADA, "/console/preview?do=stop&all=1&state=waiting", _nothing),
    "console-done": (ADA, "/console/preview?do=stop&mail={last}", _stop_it),
    "console-rules": (ADA, "/console/rules", _nothing),
    "console-draft": (ADA, "/console/rules", _try),
    "console-draft-wrong": (ADA, "/console/rules", _mistype),
    "console-people": (ADA, "/console/people?address=boss@corp.example", _nothing),
    "console-health": (ADA, "/console/health", _nothing),
    "console-sending": (ADA, "/console/sending", _nothing),
}

# The same in a house with every way to sign in.
WAYS: Mapping[str, tuple[str, str, Step]] = {
    "signing-in": ("", "/console", _nothing),
    "second-factor": (ADA, "/outbox/second-factor", enrol),
    "recovery-codes": (ADA, "/outbox/second-factor", confirm),
}
# And in the demo's own house: its third story, held because of what half a year of mail taught.
STORY: Mapping[str, tuple[str, str, Step]] = {"story-3": ("", "{story}", _nothing)}
PICTURED = (*PAGES, *WAYS, *STORY)


async def _days(house: House) -> None:
    """Twelve days in which something happened."""
    for day in range(12):
        for number in range(2 + day % 3):
            queue_id = await house.put(
                (house.copy(PAT, flagged="first mail to this address"),), hold=Hold("external-delay", ""),
                rule="external-delay", why="1 recipient outside", subject=f"Offer {day}-{number}",
            )  # fmt: skip
            view = await house.desk.own(ANN, queue_id)
            assert view is not None
            if number == 0:
                await house.desk.cancel(view, [queue_id], view.seen)
            else:
                await house.desk.send(view, [PAT], view.seen)
        await house.clock.advance(86_400)


async def places(house: House, folder: Path) -> dict[str, str]:
    """What is put into the addresses of `PAGES`, in a house where all of it is there."""
    await _days(house)
    cancelled = await house.held(subject="Minutes of Monday")
    view = await house.desk.own(ANN, cancelled)
    assert view is not None
    await house.desk.cancel(view, [cancelled], view.seen)
    sent = await house.delayed(subject="Minutes of the meeting")
    await house.clock.advance(301)
    await house.leave(sent)
    half = await house.for_approval(LEX, ROB, needed=2, subject="Framework contract")
    asked = await house.desk.approvals.view(LEX, half)
    assert asked is not None
    await house.desk.send(asked, asked.confirm, asked.seen)
    held = await house.link(await house.held())
    soon = Hold("unexpected-cc", "", expires_at=house.clock.now())
    copies = (house.copy(PAT, flagged="has never been on a mail with the others"),)
    shown = await house.put(copies, hold=soon, kept=Kept(to=(PAT,)))
    found = {
        "held": held,
        "delayed": await house.link(await house.delayed(subject="Invoice 2026-117")),
        "approver": await house.link(await house.for_approval(), LEX, Power.APPROVER),
        "assistant": await house.link(await house.to_boss(), HELPER, Power.ASSISTANT),
        "cancelled": await house.link(cancelled),
        "left": await house.link(sent),
        "notice": await notice(house, folder, held),
        "letter": await letter(house, subject="The price"),
        "shown": shown,
        "meant": await house.mixed_up(),
        "last": await house.delayed(subject="Payroll of November"),
    }
    await house.notices()
    return found


async def notice(house: House, folder: Path, link: str) -> str:
    """The HTML of the notice of a held mail, as a file."""
    raw = await house.notice(NoticeKind.HELD, await house.held(), link)
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("html",))
    assert body is not None
    (folder / "notice.html").write_text(body.get_content(), "utf-8")
    return (folder / "notice.html").as_uri()


async def _people(
    browser: Browser, house: House | None, wanted: Iterable[str], size: tuple[int, int], *, dark: bool
) -> dict[str, BrowserContext]:
    """A browser for each of those who are signed in, and one of nobody."""
    found = {}
    for person in dict.fromkeys(wanted):
        found[person] = await browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light",
            java_script_enabled=False,
        )  # fmt: skip
        if person and house:
            await sign_in(house, await found[person].new_page(), person)
    return found


async def take(
    browser: Browser,
    house: House | None,
    pages: Mapping[str, tuple[str, str, Step]],
    where: Mapping[str, str],
    look: str,
) -> None:
    """These pages as somebody with this screen and these habits sees them."""
    size, dark = LOOKS[look]
    painter = await browser.new_page()
    people = await _people(browser, house, [person for person, _, _ in pages.values()], size, dark=dark)
    for name, (person, place, step) in pages.items():
        page = await people[person].new_page()
        path = place.format(**where)
        await page.goto(path if "://" in path or house is None else house.url + path)
        await step(page)
        high = await page.locator("html").bounding_box()
        height = min(int(high["height"]) + 1 if high else size[1], HIGHEST)
        await page.set_viewport_size({"width": size[0], "height": max(height, 300)})
        png = base64.b64encode(await page.screenshot()).decode()
        (KEPT / f"{name}-{look}.webp").write_bytes(base64.b64decode(await painter.evaluate(_WEBP, png)))
        await page.close()
    for context in people.values():
        await context.close()
    await painter.close()


async def story(browser: Browser, folder: Path, look: str) -> None:
    """The third story up to where its sender opens the link."""
    clock = flow.LeapingClock()
    world = OutsideWorld(clock)
    await world.start()
    house = flow.House(flow.build(folder, world), world, clock)
    await house.start()
    try:
        await history(house.stage)
        await STORIES[2].begin(house.stage)
        link = await house.stage.link(DEMO_ANN, "Cost cutting: confidential draft")
        await take(browser, None, STORY, {"story": link}, look)
    finally:
        await house.close()
        await world.stop()


async def main() -> None:
    KEPT.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=tools.find("headless"), args=list(ARGUMENTS))
        for look in LOOKS:
            with tempfile.TemporaryDirectory() as scratch:
                async with house_with(Path(scratch), None, web={"passwords": True}, name=NAME) as house:
                    await take(browser, house, WAYS, {}, look)
            with tempfile.TemporaryDirectory() as scratch:
                house = await build(Path(scratch))
                await take(browser, house, PAGES, await places(house, Path(scratch)), look)
                await stop(house)
            with tempfile.TemporaryDirectory() as scratch:
                await story(browser, Path(scratch) / "house", look)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
