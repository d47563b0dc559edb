"""What a machine that opens every link and presses every button can do: stop, which one press undoes, and no more."""

import os
from asyncio import TaskGroup
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from mailguard.records import HoldKind, Mail, NewNotice, NoticeKind, State
from mailguard.store.base import Filter
from tests.web.house import ADA, ANN, BOB, LEX, House
from tests.web.letters import WITH_LINK, WITHOUT_LINK, delivered, left
from tests.web.robot import Robot, Tally
from tests.web.walking import press, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

NOTICES = int(os.environ.get("NOTICES", "1"))  # of each kind; `make robot` takes a hundred, and tells what it did
TABS = 3
DEEDS = {
    "sent": ("message.sent_now", "hold.released", "delivery.sent"),
    "approved": ("hold.approved",),
    "cancelled": ("message.cancelled", "hold.expired"),
    "dropped": ("recipient.dropped",),
    "stopped": ("message.stopped",),
    "read": ("message.read",),  # which takes somebody who is signed in
}
Job = TypeVar("Job")


@pytest_asyncio.fixture(loop_scope="session")
async def robots(house: House, chromium: Browser) -> AsyncIterator[list[Robot]]:
    """Several tabs of one machine; each a profile of its own, because a profile has six connections to a server."""
    tally, seen = Tally(), set[str]()
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(min(TABS, NOTICES)):
            context = await stack.enter_async_context(await chromium.new_context())
            context.set_default_timeout(30_000)
            found.append(Robot(await context.new_page(), house.url, tally, seen))
        yield found


@pytest.fixture
def robot(robots: list[Robot]) -> Robot:
    return robots[0]


async def share(robots: list[Robot], jobs: Iterable[Job], do: Callable[[Robot, Job], Awaitable[object]]) -> None:
    """Each tab takes the next job when it has done its last."""
    waiting = iter(list(jobs))

    async def work(robot: Robot) -> None:
        for job in waiting:
            await do(robot, job)

    async with TaskGroup() as group:
        for robot in robots:
            group.create_task(work(robot))


class Record:
    """How mails were before the machine came, and what it did to them."""

    def __init__(self, mails: Sequence[Mail], events: dict[str, int]) -> None:
        self._before, self._events = mails, events

    @classmethod
    async def of(cls, house: House, mails: Sequence[Mail]) -> "Record":
        return cls(mails, {mail.queue_id: len(await house.store.events(mail.queue_id)) for mail in mails})

    async def deeds(self, house: House) -> Counter[str]:
        """By their audit: how many mails were sent, approved …; and for each mail that it says nothing else."""
        done = Counter[str]()
        for before in self._before:
            fresh = [e.kind for e in (await house.store.events(before.queue_id))[self._events[before.queue_id] :]]
            done.update(deed for deed, kinds in DEEDS.items() if set(kinds) & set(fresh))
            assert set(fresh) <= {kind for kinds in DEEDS.values() for kind in kinds}
            _at_most_stopped(before, await house.mail(before.queue_id))
        return done


def _at_most_stopped(before: Mail, after: Mail) -> None:
    for was, now in zip(before.deliveries, after.deliveries, strict=True):
        assert now.state is was.state or (was.state, now.state) == (State.QUEUED, State.HELD)
        assert now.due_at == (was.due_at if now.state is was.state else None)
    known = len(before.holds)
    assert after.holds[:known] == before.holds
    assert all(hold.open and hold.kind is HoldKind.STOPPED for hold in after.holds[known:])
    assert after.edits == before.edits


async def tried(house: House, robots: list[Robot], letters: list[bytes]) -> str:
    """All that the machine could do with these, in a line; whatever it stopped has gone on with one press."""
    mails = await house.store.find(Filter(limit=10 * NOTICES))
    tally, record = robots[0].tally, await Record.of(house, mails)
    await share(robots, letters, Robot.open)
    done = await record.deeds(house)
    assert set(done) <= {"stopped"}
    assert tally.links >= len(letters)
    assert set(tally.answers) <= {200, 422}  # nothing was saved by a limit, or by a form that was no form of ours
    told = {n.notice.kind for claim in await house.notices() for n in claim.notices}
    assert told <= {NoticeKind.STOPPED}
    await share(robots, [mail.queue_id for mail in mails], lambda robot, mail: one_press_undoes(house, robot, mail))
    return f"{tally}; {', '.join(f'{done[deed]} {deed}' for deed in DEEDS)}"


async def one_press_undoes(house: House, robot: Robot, number: str) -> None:
    """What is stopped goes on with one press of its sender."""
    if not any(hold.kind is HoldKind.STOPPED for hold in (await house.mail(number)).open_holds):
        return
    page = robot.page
    await page.goto(await house.link(number))
    for box in await page.locator("#send input[type=checkbox]").all():
        await box.check()
    await press(page, "send")
    mail = await house.mail(number)
    assert all(hold.kind is HoldKind.RULE for hold in mail.open_holds)
    assert await house.let_go(number) or mail.open_holds


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """To whoever asked for a number of notices."""

    def tell(line: str) -> None:
        with capsys.disabled():
            print(line)

    return tell if "NOTICES" in os.environ else lambda line: None


# --- with nothing but the notice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WITH_LINK)
@pytest.mark.timeout(30 * NOTICES + 300)
async def test_it_sends_approves_cancels_and_drops_nothing(
    house: House, robots: list[Robot], tell: Callable[[str], None], kind: str
) -> None:
    for _ in range(NOTICES):
        await WITH_LINK[kind].tell(house, await WITH_LINK[kind].make(house))
    letters, kinds = await delivered(house)
    assert (len(letters), kinds) == (NOTICES, {WITH_LINK[kind].notice})
    tell(f"{kind}: {await tried(house, robots, letters)}")


@pytest.mark.timeout(30 * NOTICES + 300)
async def test_nor_where_many_notices_are_one_mail(
    house: House, robots: list[Robot], tell: Callable[[str], None]
) -> None:
    for make in (House.held, House.delayed):
        number = await make(house)
        kind = NoticeKind.HELD if make is House.held else NoticeKind.DELAYED
        await house.store.notify([NewNotice(kind, ANN, number)], house.clock.now())
    letters, _ = await delivered(house, over=1)
    assert len(letters) == 1
    tell(f"several in one mail: {await tried(house, robots, letters)}")


async def test_every_other_kind_has_no_link(house: House, robot: Robot) -> None:
    assert {kind.notice for kind in WITH_LINK.values()} | set(WITHOUT_LINK) == set(NoticeKind)
    number = await house.held()
    about = {NoticeKind.NOTIFY: number, NoticeKind.CODE: number}
    data = {"code": "123456", "by": ANN, "from": "2026-11-23", "until": "2026-11-24", "about": "rule.surge"}
    notices = [NewNotice(kind, LEX, about.get(kind, ""), data=data) for kind in WITHOUT_LINK]
    await house.store.notify(notices, house.clock.now())
    letters, kinds = await delivered(house)
    assert (len(letters), kinds) == (len(WITHOUT_LINK), set(WITHOUT_LINK))
    assert [await robot.open(letter) for letter in letters] == [0] * len(letters)


# --- with more than that --------------------------------------------------------------------------------------------


async def test_without_signing_in_every_other_address_is_a_way_in(house: House, robot: Robot) -> None:
    number = await house.held()
    record = await Record.of(house, [await house.mail(number)])
    for place in ("", "/outbox", "/outbox/preferences", f"/outbox/{number}", "/approvals", f"/approvals/{number}",
                  "/console", f"/console/mail/{number}", "/console/preview?do=send&all=1"):  # fmt: skip
        await robot.explore(f"{house.url}{place}")
    assert await record.deeds(house) == {}
    assert set(robot.tally.answers) <= {200, 422}
    assert robot.tally.forms
    assert await house.notices() == []


async def test_in_an_administrators_browser_it_can_at_most_stop(house: House, robot: Robot) -> None:
    """Every page of the console, every form as it stands, except the one that would sign it out."""
    mails = [await house.held(), await house.delayed(), await house.for_approval()]
    record = await Record.of(house, [await house.mail(number) for number in mails])
    await sign_in(house, robot.page, ADA)
    robot.spares = "/outbox/sign-out"
    verbs = ("stop", "send", "cancel", f"drop&recipient={BOB}")
    places = ["", "/rules", "/people", "/health", "/sending", "?state=waiting", f"/mail/{mails[0]}"]
    for place in places + [f"/preview?state=waiting&all=1&do={verb}" for verb in verbs]:
        await robot.press_everything(f"{house.url}/console{place}")
    assert set(await record.deeds(house)) <= {"stopped"}
    assert robot.tally.forms >= len(verbs)
    assert house.store.paused == ""


async def test_in_an_approvers_browser_it_approves_sends_back_and_writes_nothing(house: House, robot: Robot) -> None:
    mails = [await house.for_approval() for _ in range(2)]
    record = await Record.of(house, [await house.mail(number) for number in mails])
    await sign_in(house, robot.page, LEX)
    robot.spares = "/outbox/sign-out"
    await robot.explore(f"{house.url}/approvals")
    assert {f"{house.url}/approvals/{number}" for number in mails} <= robot.seen
    assert await record.deeds(house) == {"stopped": 2, "read": 2}
    assert not house.desk.absences.now
    assert {n.notice.kind for claim in await house.notices() for n in claim.notices} == {NoticeKind.STOPPED}


async def test_at_first_aid_it_reports_nothing_and_proposes_no_rule(house: House, robot: Robot) -> None:
    number = await left(house)
    record = await Record.of(house, [await house.mail(number)])
    await robot.press_everything(f"{await house.link(number)}/aid")
    assert robot.tally.answers[422] == 2
    assert await record.deeds(house) == {}
    assert await house.notices() == []
