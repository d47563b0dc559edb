"""A machine that opens every link and presses every button, with JavaScript, as mail scanners do."""

import email
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from email import policy
from email.message import EmailMessage

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from mailguard.records import HoldKind, NoticeKind, Power, State
from tests.web.house import ADA, ANN, BOB, BOSS, HELPER, LEX, House
from tests.web.walking import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

NOTICES = int(os.environ.get("NOTICES", "4"))  # of each kind; `make robot` takes a hundred
Make = Callable[[House], Awaitable[str]]

KINDS: dict[str, tuple[Make, NoticeKind, str, Power]] = {
    "held, flagged": (House.held, NoticeKind.HELD, ANN, Power.SENDER),
    "held, not flagged": (lambda house: house.held(flagged=False), NoticeKind.HELD, ANN, Power.SENDER),
    "delayed": (House.delayed, NoticeKind.DELAYED, ANN, Power.SENDER),
    "approver's": (House.for_approval, NoticeKind.APPROVAL, LEX, Power.APPROVER),
    "assistant's": (House.to_boss, NoticeKind.ASSISTANT, HELPER, Power.ASSISTANT),
}


@pytest_asyncio.fixture(loop_scope="session")
async def robot(chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context()
    context.set_default_timeout(8000)
    yield await context.new_page()
    await context.close()


async def links_in(raw: bytes, robot: Page) -> list[str]:
    """Every link of the notice's HTML, as the browser finds them."""
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("html",))
    assert body is not None
    await robot.set_content(body.get_content())
    return list(await robot.locator("a").evaluate_all("links => links.map(link => link.href)"))


async def press_everything(robot: Page, link: str) -> int:
    """Click each button as a browser lets it, then send each form as it stands, past the browser's own checks."""
    pressed = 0
    for force in (False, True):
        await robot.goto(link)
        for place in range(await robot.evaluate("document.forms.length")):
            await robot.goto(link)
            pressed += await press(robot, place, force=force)
    return pressed


async def look_everywhere(robot: Page, link: str) -> int:
    """The page behind the link and every page it leads to, with everything on them pressed."""
    pressed, at = await press_everything(robot, link), f"{link.split('/m/', maxsplit=1)[0]}/"
    await robot.goto(link)
    for href in await robot.locator("a").evaluate_all("links => links.map(link => link.href)"):
        if href.startswith(at) and href.partition("#")[0] != link:
            pressed += await press_everything(robot, href)
    return pressed


async def press(robot: Page, place: int, *, force: bool) -> bool:
    """Whether there was a form in this place to press the button of."""
    if place >= await robot.evaluate("document.forms.length"):
        return False
    form = f"document.forms[{place}]"
    if force or await robot.evaluate(f"{form}.checkValidity()"):
        async with robot.expect_navigation():
            await robot.evaluate(f"{form}.submit()" if force else f"{form}.querySelector('button').click()")
    else:
        await robot.evaluate(f"{form}.querySelector('button').click()")
    return True


async def fates(house: House, number: str) -> tuple[set[str], set[State], bool]:
    mail = await house.mail(number)
    answered = {h.resolved_by for h in mail.holds if h.resolved_by} | {a for h in mail.holds for a in h.approved_by}
    early = any(d.due_at and d.due_at <= house.clock.now() for d in mail.deliveries if d.state is State.QUEUED)
    return answered, {d.state for d in mail.deliveries if not d.added}, early


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(60 * NOTICES + 300)
async def test_a_robot_sends_approves_cancels_and_drops_nothing(house: House, robot: Page, kind: str) -> None:
    make, notice, person, power = KINDS[kind]
    mails = []
    for _ in range(NOTICES):
        number = await make(house)
        scope = {"scope": frozenset({BOSS})} if power is Power.ASSISTANT else {}
        raw = await house.notice(notice, number, await house.link(number, person, power), power=power, **scope)
        (link,) = await links_in(raw, robot)
        assert await look_everywhere(robot, link) >= 2
        mails.append(number)
    for number in mails:
        answered, states, early = await fates(house, number)
        assert (answered, early) == (set(), False)
        assert states <= {State.HELD, State.QUEUED}
    told = {n.notice.kind for claim in await house.notices() for n in claim.notices}
    assert told <= {NoticeKind.STOPPED}
    if kind in ("delayed", "assistant's", "approver's"):
        await one_press_undoes(house, robot, mails)


async def one_press_undoes(house: House, page: Page, mails: list[str]) -> None:
    """What the robot stopped goes on with one press of its sender."""
    for number in mails:
        assert any(hold.kind is HoldKind.STOPPED for hold in (await house.mail(number)).open_holds)
        await page.goto(await house.link(number))
        for box in await page.locator("#send input[type=checkbox]").all():
            await box.check()
        async with page.expect_navigation():
            await page.locator("#send button").click()
        mail = await house.mail(number)
        assert all(hold.kind is HoldKind.RULE for hold in mail.open_holds)
        assert await house.let_go(number) or mail.open_holds


async def test_a_robot_in_an_administrators_browser_can_at_most_stop(house: House, robot: Page) -> None:
    """Every page of the console, every form as it stands, with one that would sign it out held back."""
    mails = [await house.held(), await house.delayed(), await house.for_approval()]
    await sign_in(house, robot, ADA)
    await robot.route("**/outbox/sign-out", lambda route: route.abort())
    verbs = ("stop", "send", "cancel", f"drop&recipient={BOB}")
    places = ["", "/rules", "/people", "/health", "/sending", "?state=waiting", f"/mail/{mails[0]}"]
    places += [f"/preview?state=waiting&all=1&do={verb}" for verb in verbs]
    for place in places:
        for form in range(1, 4):  # the first is the one to sign out
            for force in (False, True):
                await robot.goto(f"{house.url}/console{place}")
                await press(robot, form, force=force)
    for number in mails:
        answered, states, early = await fates(house, number)
        assert (answered, early) == (set(), False)
        assert states <= {State.HELD, State.QUEUED}
        assert "message.read" not in [event.kind for event in await house.store.events(number)]
    assert house.store.paused == ""


@pytest.mark.timeout(300)
async def test_a_robot_in_an_approvers_browser_approves_sends_back_and_writes_nothing(
    house: House, robot: Page
) -> None:
    mails = [await house.for_approval() for _ in range(3)]
    await sign_in(house, robot, LEX)
    for number in mails:
        assert await press_everything(robot, f"{house.url}/approvals/{number}") >= 4
    await press_everything(robot, f"{house.url}/approvals")  # which signs it out
    for number in mails:
        answered, states, early = await fates(house, number)
        assert (answered, states, early) == (set(), {State.HELD}, False)
    assert not house.desk.absences.now
    assert {n.notice.kind for claim in await house.notices() for n in claim.notices} <= {NoticeKind.STOPPED}


@pytest.mark.timeout(300)
async def test_a_robot_reports_nothing_and_proposes_no_rule(house: House, robot: Page) -> None:
    number = await house.delayed()
    await house.clock.advance(301)
    await house.leave(number)
    assert await press_everything(robot, f"{await house.link(number)}/aid") == 4
    kinds = {event.kind for event in await house.store.events(number)}
    assert not kinds & {"aid.reported", "rule.proposed"}
    assert await house.notices() == []
