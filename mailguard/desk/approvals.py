"""What waits for one signed-in person beside their own mail: as an approver, and as an executive's assistant."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailguard.clock import Clock
from mailguard.desk.errors import NotAllowed, NotConfirmed
from mailguard.desk.look import Remark, View, is_own, may_approve, remarks
from mailguard.desk.said import within_bounds
from mailguard.locale import N_
from mailguard.mail.address import key
from mailguard.people import People
from mailguard.people.access import Right
from mailguard.records import Decision, Hold, Mail, NewNotice, NoticeKind, Power
from mailguard.store.base import Filter, Store

if TYPE_CHECKING:
    from mailguard.desk.desk import Desk

MOST = 100  # mails on the page; the rest is there when these are answered
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """A mail that waits for this person: what it waits for, and who of how many has approved already."""

    mail: Mail
    person: str  # as the mail's holds name this person
    power: Power
    scope: frozenset[str] = frozenset()
    named: bool = True  # by a hold; False: an approver by right
    answered: bool = False  # this person has approved; others have not
    remarks: tuple[Remark, ...] = ()  # why it should go

    @property
    def holds(self) -> tuple[Hold, ...]:
        """The approvals that are missing."""
        return tuple(hold for hold in self.mail.open_holds if hold.approvers)

    @property
    def ends(self) -> datetime:
        """When the first of them runs out."""
        return min((hold.expires_at for hold in self.holds if hold.expires_at), default=_NEVER)


class Approvals:
    """Approver, delegate and fallback are whom a hold names; the right to approve goes for every hold but one's own."""

    def __init__(self, desk: "Desk", store: Store, people: Callable[[], People], clock: Clock) -> None:
        self._desk, self._store, self._people, self._clock = desk, store, people, clock

    # looking
    async def queue(self, person: str) -> list[Asked]:
        """What waits for this person's approval: the hold that ends first stands first."""
        waiting = await self._store.find(Filter(approval=True, waiting=True, limit=50 * MOST))
        asked = [found for mail in waiting if (found := self._asked(person, mail))]
        first = sorted(asked, key=lambda one: (one.answered, one.ends))[:MOST]
        return [replace(one, remarks=remarks(await self._store.events(one.mail.queue_id))) for one in first]

    async def looked_after(self, person: str) -> list[Asked]:
        """Mail to the executives this person looks after that has not left yet, as far as it may be known of."""
        told = await self._store.assisted(person, MOST)
        mails = [(await self._store.get(queue_id), scope) for queue_id, scope in told.items()]
        return [found for mail, scope in mails if mail and (found := self._assisted(person, mail, scope))]

    async def view(self, person: str, queue_id: str) -> View | None:
        """One of these mails; None for any other, alike."""
        mail = await self._store.get(queue_id)
        if mail is None or mail.purged:
            return None
        if found := self._asked(person, mail, over=True):
            return await self._approvers(person, mail, found)
        told = await self._store.assisted(person, MOST)
        if queue_id in told and (found := self._assisted(person, mail, told[queue_id])):
            return await self._desk.view_of(mail, person, Power.ASSISTANT, "outbox", found.scope)
        return None

    async def _approvers(self, person: str, mail: Mail, found: Asked) -> View:
        """Who is asked may read it; who has the right to approve only with the right to read."""
        rights = self._desk.rights(person)
        view = await self._desk.view_of(
            mail, found.person, Power.APPROVER, "outbox", found.scope, anyones=Right.APPROVE in rights
        )  # fmt: skip
        return view if found.named else replace(view, readable=Right.CONTENT in rights)

    def _asked(self, person: str, mail: Mail, *, over: bool = False) -> Asked | None:
        """`over`: also where nothing waits any more, for the page that says so."""
        people, anyones = self._people(), self._anyones(person)
        if is_own(people, person, mail):
            return None
        holds = [hold for hold in mail.holds if hold.approvers and (hold.open or over)]
        who = people.canonical(person)
        named = next((a for hold in holds for a in hold.approvers if people.canonical(a) == who), "")
        if not holds or not (named or anyones):
            return None
        name = named or person
        waits = any(may_approve(hold, key(name), anyones=anyones) for hold in mail.open_holds)
        return Asked(mail, name, Power.APPROVER, named=bool(named), answered=not waits)

    def _assisted(self, person: str, mail: Mail, scope: frozenset[str]) -> Asked | None:
        """Only copies of those this person looks after today, and never one in Bcc."""
        people = self._people()
        told = [d for d in mail.deliveries if key(d.address) in scope and d.visible and d.state.waiting]
        mine = frozenset(key(d.address) for d in told if self._looks_after(people, person, d.address))
        return Asked(mail, person, Power.ASSISTANT, mine) if mine else None

    @staticmethod
    def _looks_after(people: People, person: str, executive: str) -> bool:
        assistant = people.assistant_of(executive)
        return assistant is not None and people.canonical(assistant.address) == people.canonical(person)

    def _anyones(self, person: str) -> bool:
        return Right.APPROVE in self._desk.rights(person)

    def oversees(self, person: str) -> bool:
        """Whether this person sees who is away: whoever sees all mail and acts on it."""
        return Right.ACT in self._desk.rights(person)

    # acting
    async def send_back(self, view: View, comment: str, confirm: Collection[str], seen: str) -> Decision:
        """Not approved: it never leaves, and its sender has it back with what the approver says of it."""
        if "send-back" not in view.allowed:
            raise NotAllowed(N_("This link can't do that."))
        said = _said(comment)
        self._desk.seen.check(view, seen)
        if key(view.mail.queue_id) not in set(map(key, confirm)):
            raise NotConfirmed(N_("Not yet: tick {missing} first."), missing=view.mail.queue_id)
        data = {"by": view.person, "comment": said}
        notice = NewNotice(NoticeKind.RETURNED, view.mail.answers, view.mail.queue_id, data=data)
        return await self._desk.call_off(view.mail, view.actor, "not approved", notice)

    async def comment(self, view: View, comment: str, seen: str) -> Decision:
        """The sender is told what this person says; nothing about the mail changes."""
        if "comment" not in view.allowed:
            raise NotAllowed(N_("This link can't do that."))
        said = _said(comment)
        self._desk.seen.check(view, seen)
        mail = view.mail
        notice = NewNotice(
            NoticeKind.COMMENT, mail.answers, mail.queue_id, data={"by": view.person, "comment": said}
        )  # fmt: skip
        return await self._desk.note(view, "message.commented", [notice])


def _said(comment: str) -> str:
    said = within_bounds(comment)
    if not said:
        raise NotConfirmed(N_("Nothing was done: write a sentence for the sender first."))
    return said
