"""Two people, or two tabs of one, press at the same moment: one wins, nothing is half done, both read the same."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from mailguard.desk import NotConfirmed
from mailguard.records import NoticeKind, Power, State
from tests.web.house import ANN, BOSS, HELPER, HIDDEN, LEX, PAT, ROB, House
from tests.web.walking import fact, press, sign_in, tick, unfold

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

Pressed = tuple[Page, str]


@pytest_asyncio.fixture(loop_scope="session")
async def other(chromium: Browser) -> AsyncIterator[Page]:
    """Somebody else's browser."""
    context = await chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(8000)
    yield await context.new_page()
    await context.close()


async def ready(page: Page, link: str, form: str, *ticks: str) -> Pressed:
    """All but the press."""
    await page.goto(link)
    await unfold(page, form)
    await tick(page, form, *ticks)
    return page, form


async def at_once(*presses: Pressed) -> list[bool]:
    """Which of them were told on the page that nothing was done."""
    await asyncio.gather(*(press(page, form) for page, form in presses))
    return [await page.get_by_role("alert").count() > 0 for page, _ in presses]


async def read(link: str, *pages: Page) -> set[str]:
    for page in pages:
        await page.goto(link)
    return {await fact(page) for page in pages}


async def told(house: House, kind: NoticeKind) -> list[str]:
    return [n.notice.person for claim in await house.notices() for n in claim.notices if n.notice.kind is kind]


@pytest.mark.parametrize("turned", [False, True])
async def test_the_sender_cancels_while_an_approver_approves(
    house: House, page: Page, other: Page, turned: bool
) -> None:
    number = await house.for_approval()
    await sign_in(house, other, LEX)
    cancels = await ready(page, await house.link(number), "cancel", number)
    approves = await ready(other, f"{house.url}/approvals/{number}", "send", PAT)
    await at_once(*([approves, cancels] if turned else [cancels, approves]))
    (state,) = set((await house.states(number)).values())
    assert state is State.CANCELLED or await house.let_go(number)
    assert await told(house, NoticeKind.RETURNED) == [ANN] * (state is State.CANCELLED)
    assert len(await read(await house.link(number), page, other)) == 1


@pytest.mark.parametrize("turned", [False, True])
async def test_the_assistant_stops_while_the_sender_sends_and_the_stop_holds(
    house: House, page: Page, other: Page, turned: bool
) -> None:
    number = await house.to_boss()
    sends = await ready(page, await house.link(number), "send", HIDDEN)
    stops = await ready(other, await house.link(number, HELPER, Power.ASSISTANT), "stop")
    await at_once(*([stops, sends] if turned else [sends, stops]))
    assert (await house.states(number))[BOSS] is State.HELD  # also where it was let go first and had not left
    assert await told(house, NoticeKind.STOPPED) == [ANN]
    await at_once(await ready(page, await house.link(number), "send", HIDDEN))
    assert await house.let_go(number)


async def test_a_stop_between_the_senders_look_and_the_press_stays(house: House) -> None:
    """The narrowest moment, which two browsers seldom meet: the page was checked already."""
    number = await house.to_boss()
    view = await house.desk.own(ANN, number)
    assert view is not None
    helpers = await house.desk.view_of(await house.mail(number), HELPER, Power.ASSISTANT, "link", frozenset({BOSS}))
    await house.desk.stop(helpers)
    with pytest.raises(NotConfirmed, match="changed since"):
        await house.desk.send(view, [HIDDEN], view.seen)
    assert (await house.states(number))[BOSS] is State.HELD


@pytest.mark.parametrize("needed", [1, 2])
async def test_two_approvers_approve_and_each_word_counts_once(
    house: House, page: Page, other: Page, needed: int
) -> None:
    number = await house.for_approval(LEX, ROB, needed=needed)
    presses = []
    for person, theirs in ((LEX, page), (ROB, other)):
        await sign_in(house, theirs, person)
        presses.append(await ready(theirs, f"{house.url}/approvals/{number}", "send", PAT))
    refused = await at_once(*presses)
    assert sum(refused) == needed - 1  # whose page does not show the other's word
    for (theirs, _), again in zip(presses, refused, strict=True):
        if again:
            await at_once(await ready(theirs, f"{house.url}/approvals/{number}", "send", PAT))
    assert await house.let_go(number)
    assert len((await house.mail(number)).holds[0].approved_by) == needed
    assert len(await told(house, NoticeKind.DECIDED)) >= 1
    assert len(await read(f"{house.url}/approvals/{number}", page, other)) == 1


@pytest.mark.parametrize("turned", [False, True])
async def test_one_tab_takes_somebody_off_while_the_other_sends(
    house: House, page: Page, other: Page, turned: bool
) -> None:
    number = await house.held()
    drops = await ready(page, await house.link(number), "drop", PAT)
    sends = await ready(other, await house.link(number), "send", PAT, HIDDEN)
    refused = await at_once(*([sends, drops] if turned else [drops, sends]))
    states = await house.states(number)
    if refused[0 if turned else 1]:  # to send, after somebody was taken off
        assert (states[PAT], states[BOSS], states[HIDDEN]) == (State.CANCELLED, State.HELD, State.HELD)
    else:
        assert states[BOSS] is states[HIDDEN] is State.QUEUED
    assert len(await read(await house.link(number), page, other)) == 1


async def test_two_tabs_cancel_the_same_mails_and_each_comes_back_once(house: House, page: Page) -> None:
    mails = [await house.held(), await house.delayed()]
    await sign_in(house, page)
    tabs = [page, await page.context.new_page()]
    for tab in tabs:
        await tab.goto(f"{house.url}/outbox")
        for number in mails:
            await tab.locator(f"input[name=mail][value='{number}']").check()
    await at_once(*((tab, "cancel") for tab in tabs))
    assert await told(house, NoticeKind.RETURNED) == [ANN, ANN]
    for number in mails:
        assert set((await house.states(number)).values()) == {State.CANCELLED}
