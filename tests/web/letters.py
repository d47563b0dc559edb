"""The notices of each kind as people get them: the postman's own, with the links that he makes."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from mailguard.courier.parcel import Parcel
from mailguard.desk import View
from mailguard.log import Log
from mailguard.notices.settings import Digest, NoticeSettings
from mailguard.postman import Postman
from mailguard.records import (
    Action,
    Hit,
    Hold,
    Mode,
    NewNotice,
    NoticeKind,
    OnExpiry,
    Outcome,
    Power,
    Reply,
    Result,
)
from mailguard.rules.echoes import WAITING
from mailguard.testing import eventually
from tests.web.house import ANN, BOB, BOSS, HELPER, LEX, PAT, SETTINGS, House, waiting

Make = Callable[[House], Awaitable[str]]
Tell = Callable[[House, str], Awaitable[object]]


class _Told(Log):
    """Which kinds were told."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: set[str] = set()

    def noticed(self, kinds: Iterable[str], queue_ids: Iterable[str], person: str, outcome: Outcome) -> None:
        self.kinds |= set(kinds)


@dataclass
class Mailbox:
    """Whatever the postman carries, whoever it is for."""

    letters: list[bytes] = field(default_factory=list)

    def destination(self, address: str) -> str:
        return address

    async def carry(self, parcel: Parcel) -> tuple[Outcome, ...]:
        assert not callable(parcel.body)
        self.letters.append(parcel.head + bytes(parcel.body))
        return (Outcome(Result.SENT, Reply(250, "2.0.0", "ok")),)


async def delivered(house: House, *, over: int = 10_000) -> tuple[list[bytes], set[NoticeKind]]:
    """Every notice that is due, as it arrives, and what kinds they are of; more than `over` come as one."""
    box, log, numbers = Mailbox(), _Told(), count()
    settings = NoticeSettings(sender=SETTINGS.sender, digest=Digest(over=over))
    postman = Postman(
        house.store, box, house.clock, log, settings, url=house.url, people=lambda: house.people,
        hostname="mail.corp.example", new_id=lambda: f"N{next(numbers)}", wake=lambda: None,
    )  # fmt: skip

    async def done() -> bool:
        return not await postman.post() and not len(postman._tasks)

    await eventually(done)
    return box.letters, {NoticeKind(kind) for kind in log.kinds}


@dataclass(frozen=True)
class Kind:
    """How a mail comes to be, and what makes the notice of it."""

    notice: NoticeKind
    make: Make
    tell: Tell


async def seen_by(house: House, number: str, person: str = ANN, power: Power = Power.SENDER) -> View:
    scope = frozenset({BOSS}) if power is Power.ASSISTANT else frozenset[str]()
    return await house.desk.view_of(await house.mail(number), person, power, "link", scope)


def told(kind: NoticeKind, person: str = ANN, power: Power = Power.SENDER, **data: str) -> Tell:
    scope = frozenset({BOSS}) if power is Power.ASSISTANT else frozenset[str]()

    async def tell(house: House, number: str) -> None:
        await house.store.notify([NewNotice(kind, person, number, power, scope, data=data)], house.clock.now())

    return tell


async def left(house: House) -> str:
    number = await house.put([waiting(BOB, house.clock, held=False, due_at=house.clock.now())])
    await house.leave(number)
    return number


async def like_another(house: House) -> str:
    hit = Hit("again", Mode.ENFORCE, Action.DELAY, "nearly the same", evidence=((WAITING, await house.delayed()),))
    return await house.put([waiting(BOB, house.clock, held=False)], hits=(hit,))


def unanswered(outcome: OnExpiry) -> Make:
    """Held until now."""

    async def make(house: House) -> str:
        hold = Hold("unexpected-cc", "", expires_at=house.clock.now(), on_expiry=outcome)
        return await house.put([waiting(PAT, house.clock, held=True)], hold=hold)

    return make


async def expire(house: House, _: str) -> None:
    await house.store.expire(house.clock.now())


async def stop(house: House, number: str) -> None:
    await house.desk.stop(await seen_by(house, number, HELPER, Power.ASSISTANT))


async def cancel(house: House, number: str) -> None:
    view = await seen_by(house, number)
    await house.desk.cancel(view, [number], view.seen)


async def approve(house: House, number: str) -> None:
    await house.desk.let_go(await seen_by(house, number, LEX, Power.APPROVER))


async def comment(house: House, number: str) -> None:
    view = await seen_by(house, number, HELPER, Power.ASSISTANT)
    await house.desk.approvals.comment(view, "Is that right?", view.seen)


WITH_LINK = {
    "held, flagged": Kind(NoticeKind.HELD, House.held, told(NoticeKind.HELD)),
    "held, not flagged": Kind(NoticeKind.HELD, lambda house: house.held(flagged=False), told(NoticeKind.HELD)),
    "delayed": Kind(NoticeKind.DELAYED, House.delayed, told(NoticeKind.DELAYED)),
    "delayed, like another": Kind(NoticeKind.DELAYED, like_another, told(NoticeKind.DELAYED)),
    "delayed, and left": Kind(NoticeKind.DELAYED, left, told(NoticeKind.DELAYED)),
    "approver's": Kind(NoticeKind.APPROVAL, House.for_approval, told(NoticeKind.APPROVAL, LEX, Power.APPROVER)),
    "assistant's": Kind(NoticeKind.ASSISTANT, House.to_boss, told(NoticeKind.ASSISTANT, HELPER, Power.ASSISTANT)),
    "stopped": Kind(NoticeKind.STOPPED, House.to_boss, stop),
    "returned": Kind(NoticeKind.RETURNED, House.held, cancel),
    "expired, returned": Kind(NoticeKind.EXPIRED, unanswered(OnExpiry.RETURN), expire),
    "expired, sent": Kind(NoticeKind.EXPIRED, unanswered(OnExpiry.SEND), expire),
    "reminder": Kind(NoticeKind.REMINDER, House.held, told(NoticeKind.REMINDER)),
    "approver's reminder": Kind(
        NoticeKind.REMINDER, House.for_approval, told(NoticeKind.REMINDER, LEX, Power.APPROVER)
    ),
    "decided": Kind(NoticeKind.DECIDED, House.for_approval, approve),
    "comment": Kind(NoticeKind.COMMENT, House.to_boss, comment),
    "as sent": Kind(NoticeKind.AS_SENT, House.delayed, told(NoticeKind.AS_SENT)),
    "dropped": Kind(NoticeKind.DROPPED, House.delayed, told(NoticeKind.DROPPED)),
    "answered": Kind(NoticeKind.ANSWERED, House.held, told(NoticeKind.ANSWERED, verb="send", outcome="page")),
}  # fmt: skip
WITHOUT_LINK = (NoticeKind.NOTIFY, NoticeKind.CODE, NoticeKind.DELEGATE, NoticeKind.ALERT, NoticeKind.HELP)
