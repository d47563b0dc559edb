"""What those with a role may do to the mail of others, each thing checked against their rights as they are now."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from mailguard.clock import Clock
from mailguard.desk import reading
from mailguard.desk.errors import NotAllowed, NotConfirmed
from mailguard.desk.operator import Operator
from mailguard.desk.reading import Reading
from mailguard.errors import MailChanged
from mailguard.locale import N_
from mailguard.log import Log
from mailguard.mail import address
from mailguard.people import People
from mailguard.people.access import Access, Right
from mailguard.records import Actor, Decision, Ending, Event, Kept, Mail
from mailguard.store.base import Store
from mailguard.store.search import Search
from mailguard.tokens import Marks

AT_ONCE = 500  # mails of one preview: what a person can be said to have looked at, and a form can carry
REASON = 200  # characters
VERBS = {"stop": Right.STOP, "send": Right.ACT, "cancel": Right.ACT, "drop": Right.ACT}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a preview shows: the mails that would change, and the nonce of just this."""

    verb: str
    mails: tuple[Mail, ...]
    recipient: str = ""  # of a drop
    more: bool = False  # others match as well
    seen: str = ""

    @property
    def marks(self) -> tuple[str, ...]:
        """Each mail as it was seen."""
        return tuple(f"{mail.queue_id}.{mail.revision}" for mail in self.mails)

    @property
    def confirm(self) -> str:
        """The value of the box that is ticked by hand."""
        return f"{self.verb} {len(self.mails)}"


@dataclass(frozen=True, slots=True)
class Done:
    """How a plan went, mail by mail; `changed` since it was shown were left alone."""

    endings: tuple[tuple[str, Ending], ...]
    changed: tuple[str, ...]


class Staff:
    """`rights` and `people` are asked anew each time: a role that was taken away ends with the next press."""

    def __init__(
        self, store: Store, operator: Operator, rights: Callable[[str], frozenset[Right]],
        access: Callable[[], Access], people: Callable[[], People], clock: Clock, log: Log, marks: Marks,
    ) -> None:  # fmt: skip
        self._store, self._operator, self.rights, self._access, self._people = store, operator, rights, access, people
        self._clock, self._log, self._marks = clock, log, marks

    @property
    def access(self) -> Access:
        return self._access()

    @property
    def people(self) -> People:
        return self._people()

    @property
    def paused(self) -> str:
        """Why nothing leaves; '' when mail leaves as it is due."""
        return self._store.paused

    # looking
    async def search(self, person: str, what: Search) -> list[Mail]:
        self._need(person, Right.SEE)
        return await self._store.search(what)

    async def mail(self, person: str, queue_id: str) -> tuple[Mail, list[Event], Kept | None] | None:
        """A mail, its history, and what other rules can still ask of it; None when there is none."""
        self._need(person, Right.SEE)
        mail = await self._store.get(queue_id)
        if mail is None:
            return None
        return mail, await self._store.events(queue_id), await self._store.kept_of(queue_id)

    async def read(self, person: str, queue_id: str, why: str) -> tuple[Mail, Reading] | None:
        """What it says. That it was read, by whom and why, is in the audit before anything is shown."""
        mail = await self._opened(person, queue_id, why, "message.read")
        if mail is None:
            return None
        return mail, await asyncio.to_thread(reading.read, await self._raw(mail), mail.hits)

    async def html(self, person: str, queue_id: str, why: str) -> str | None:
        """As its sender laid it out, '' without; a reading like `read`."""
        mail = await self._opened(person, queue_id, why, "message.read", part="html")
        return None if mail is None else await asyncio.to_thread(reading.html, await self._raw(mail))

    async def file(self, person: str, queue_id: str, number: int, why: str) -> tuple[str, bytes] | None:
        """Name and content of one of `Reading.files`; a reading of its own."""
        mail = await self._opened(person, queue_id, why, "file.read", file=str(number))
        return None if mail is None else await asyncio.to_thread(reading.file, await self._raw(mail), number)

    async def _opened(self, person: str, queue_id: str, why: str, event: str, **data: str) -> Mail | None:
        self._need(person, Right.CONTENT)
        mail = await self._store.get(queue_id)
        if mail is None or mail.purged:
            return None
        if not why.strip():
            raise NotConfirmed(N_("Say why you need to read it: the reason is kept in the audit."))
        said = {"why": why.strip()[:REASON], **data}
        await self._store.record(event, by=_actor(person), now=self._clock.now(), queue_id=queue_id, data=said)
        return mail

    # acting
    async def plan(self, person: str, verb: str, what: Search | Collection[str], *, recipient: str = "") -> Plan:
        """What would change: of these mails, or of all that a search finds. Nothing is changed."""
        self._need(person, Right.SEE)
        self._need(person, VERBS.get(verb))
        if isinstance(what, Search):
            found = await self.search(person, replace(what, waiting=True, limit=AT_ONCE + 1))
        else:
            each = [await self._store.get(queue_id) for queue_id in dict.fromkeys(what)]
            found = [mail for mail in each if mail is not None]
        mails = [mail for mail in found if _changes(verb, mail, recipient)]
        bare = Plan(verb, tuple(mails[:AT_ONCE]), recipient, more=len(mails) > AT_ONCE)
        return replace(bare, seen=self._marks.of(address.key(person), verb, recipient, *bare.marks))

    async def carry_out(
        self, person: str, verb: str, marks: Sequence[str], *, recipient: str, seen: str, confirm: str
    ) -> Done:
        """Do what was shown, to the mails that are still as they were shown."""
        self._need(person, VERBS.get(verb))
        if not self._marks.fits(seen, address.key(person), verb, recipient, *marks):
            raise NotConfirmed(N_("This page is too old, or not all of it came back. Look again, then press."))
        if confirm != f"{verb} {len(marks)}":
            raise NotConfirmed(N_("Nothing was done: tick the box and press again."))
        endings, changed = [], []
        for mark in marks:
            queue_id, _, revision = mark.rpartition(".")
            try:
                endings.append((queue_id, (await self._act(person, verb, queue_id, recipient, revision)).ending))
            except MailChanged:
                changed.append(queue_id)
        return Done(tuple(endings), tuple(changed))

    async def pause(self, person: str, why: str, confirm: str) -> None:
        """Nothing leaves until somebody lets it; mail is still accepted, and decided."""
        self._need(person, Right.ACT)
        if not why.strip() or confirm != "pause":
            raise NotConfirmed(N_("Nothing was done: say why, tick the box and press again."))
        if await self._store.pause(why.strip()[:REASON], by=_actor(person), now=self._clock.now()):
            self._log.paused(self._store.paused)

    async def resume(self, person: str, confirm: str) -> None:
        self._need(person, Right.ACT)
        if confirm != "resume":
            raise NotConfirmed(N_("Nothing was done: tick the box and press again."))
        await self._operator.resume(_actor(person))

    async def _act(self, person: str, verb: str, queue_id: str, recipient: str, revision: str) -> Decision:
        """Raises MailChanged when it is not, or no longer, as it was at `revision`."""
        mail = await self._store.get(queue_id)
        if mail is None or str(mail.revision) != revision:
            raise MailChanged
        recipients = [recipient] if verb == "drop" else ()
        return await self._operator.operate(verb, queue_id, _actor(person), recipients, revision=mail.revision)

    def _need(self, person: str, right: Right | None) -> None:
        if right is None or right not in self.rights(person):
            raise NotAllowed(N_("Your role does not allow that."))

    async def _raw(self, mail: Mail) -> bytes:
        return b"".join([chunk async for chunk in self._store.body(mail.queue_id)])


def _actor(person: str) -> Actor:
    return Actor(person, "console")


def _changes(verb: str, mail: Mail, recipient: str) -> bool:
    """Whether this would do anything to it."""
    waiting = [d for d in mail.deliveries if d.state.waiting]
    if verb == "drop":
        return any(address.key(d.address) == address.key(recipient) for d in waiting)
    return bool(waiting)
