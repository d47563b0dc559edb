"""What people may do to their waiting mail. Web pages and the command line all come through here."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.desk import checks, look, reading
from mailguard.desk.absence import Absences
from mailguard.desk.app_passwords import AppPasswords
from mailguard.desk.approvals import Approvals
from mailguard.desk.by_mail import ByMail
from mailguard.desk.errors import NotAllowed, NotConfirmed
from mailguard.desk.look import View
from mailguard.desk.mishap import Mishaps
from mailguard.desk.preferences import Preferences
from mailguard.desk.reading import Reading
from mailguard.desk.said import within_bounds
from mailguard.desk.seen import CHANGED, Seen
from mailguard.desk.sign_in import LOGIN_LASTS, SignIn, Wake
from mailguard.desk.suggestion import Again, Suggestions
from mailguard.errors import MailChanged
from mailguard.locale import N_, saying
from mailguard.log import Log
from mailguard.mail import address, headers
from mailguard.mail.message import Message
from mailguard.metrics import Metrics
from mailguard.notices.fate import has_copy
from mailguard.people import People, PreferenceSettings
from mailguard.people.access import Access
from mailguard.people.alerts import Alert
from mailguard.records import (
    Actor,
    Decision,
    Ending,
    Hold,
    HoldKind,
    Mail,
    NewNotice,
    NoticeKind,
    OnExpiry,
    Power,
    Requires,
    Shorten,
)
from mailguard.store.base import Filter, Store
from mailguard.tokens import Marks

STOP_LASTS, ASK_AGAIN = timedelta(hours=24), timedelta(hours=1)
OUTBOX_WAITING, OUTBOX_LATELY = 1000, 100
LONGER = (4, 24, 72)  # hours


class Desk(SignIn):
    """Checks power, ticks and nonce; the store's compare-and-set then decides who was first."""

    def __init__(
        self, store: Store, people: Callable[[], People], clock: Clock, log: Log, metrics: Metrics, wake: Wake,
        access: Callable[[], Access] = Access, alerts: Alert = lambda _: [], lasts: timedelta = LOGIN_LASTS,
        preferences: PreferenceSettings = PreferenceSettings(),  # noqa: B008 - frozen
        again: Again | None = None, app_passwords: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(store, people, clock, wake, access, lasts)
        self._log, self._metrics = log, metrics
        self.marks = Marks()
        self.seen = Seen(self.marks)
        self.approvals = Approvals(self, store, people, clock)
        self.mishaps = Mishaps(self, store, people, alerts)
        self.by_mail = ByMail(self, store, people)
        self.suggestions = Suggestions(self, store, clock, log, again)
        self.absences = Absences(store, people, clock, wake)
        self.preferences = Preferences(store, people, clock, preferences)
        self.app_passwords = AppPasswords(store, people, clock, app_passwords)

    def has_role(self, person: str) -> bool:
        """Whether there is a console for this person."""
        return bool(self.rights(person))

    # looking
    async def view(self, token: str) -> View | None:
        """What the holder of this link sees; None for a foreign or absent token, alike."""
        capability = await self._store.capability(tokens.digest(token))
        mail = await self._store.get(capability.queue_id) if capability else None
        if capability is None or mail is None or mail.purged:
            return None
        return await self.view_of(mail, capability.person, capability.power, "link", capability.scope)

    async def own(self, person: str, queue_id: str) -> View | None:
        """The same for a signed-in person and a mail of their own."""
        mail = await self._store.get(queue_id)
        if mail is None or address.key(mail.answers) != address.key(person):
            return None
        return await self.view_of(mail, person, Power.SENDER, "outbox", frozenset())

    async def pulse(self, queue_id: str) -> str:
        """As `look.pulse`, read cheaply and often; '' when the mail is gone."""
        mail = await self._store.get(queue_id)
        return "" if mail is None or mail.purged else look.pulse(mail)

    async def outbox(self, person: str) -> list[Mail]:
        """All of this person's mail that waits, and what lately ended, newest first."""
        who = address.key(person)
        waiting = await self._store.find(Filter(answers=who, waiting=True, limit=OUTBOX_WAITING))
        lately = await self._store.find(Filter(answers=who, limit=OUTBOX_LATELY))
        return list({mail.queue_id: mail for mail in (*waiting, *lately)}.values())

    async def view_of(
        self, mail: Mail, person: str, power: Power, via: str, scope: frozenset[str], *, anyones: bool = False
    ) -> View:
        """This mail as this person sees it; whoever calls knows that they may. `via` is how we know who it is."""
        bare = View(
            mail, person, power, Actor(person, via),
            look.allowed(mail, person, power, scope, anyones=anyones), look.confirm(mail, scope),
            look.visible(mail, power), look.requires(mail, person, power, via), scope, anyones=anyones,
        )  # fmt: skip
        bare = replace(bare, meant=await self.suggestions.of(mail, power))
        if self.suggestions.swappable(bare):
            bare = replace(bare, allowed=bare.allowed | {"swap"})
        events = [] if power is Power.ASSISTANT else await self._store.events(mail.queue_id)
        return replace(
            bare, seen=self.seen.mark(bare), readable=power is not Power.ASSISTANT or has_copy(mail, person),
            names=await self._names(mail), strangers=await self._strangers(mail), remarks=look.remarks(events),
            taken_off=look.taken_off(events), earlier=await self._earlier(bare),
        )  # fmt: skip

    async def _names(self, mail: Mail) -> dict[str, str]:
        """As the mail's header calls them, which is what its sender saw; else as our own people are called."""
        people, head = self._people(), Message(await self.head(mail))
        ours = {address.key(d.address): people.person(d.address) for d in mail.deliveries}
        named = {found: person.name for found, person in ours.items() if person and person.name}
        written = head.mailboxes("from", "to", "cc")
        return named | {address.key(box.address): box.name for box in written if box.name and box.address}

    async def _strangers(self, mail: Mail) -> frozenset[str]:
        outside = [address.key(d.address) for d in mail.deliveries if d.external and d.state.waiting]
        if not outside:
            return frozenset()
        past = await self._store.facts_for(mail.identity.address, outside, ())
        return frozenset(one for one in outside if not past.written.get(one))

    def wake(self) -> None:
        """Something may be due now."""
        self._wake.wake()

    async def head(self, mail: Mail) -> bytes:
        async with aclosing(self._store.body(mail.queue_id)) as chunks:
            first = await anext(chunks, b"")
        return first[: headers.split(first)]

    async def _earlier(self, view: View) -> Mail | None:
        """The mail that this one nearly repeats, if it is this person's own and still waits."""
        queue_id = look.repeats(view.mail, view.power)
        found = await self._store.get(queue_id) if queue_id else None
        if found is None or address.key(found.answers) != address.key(view.mail.answers):
            return None
        return found if any(d.state.waiting for d in found.deliveries) else None

    # reading
    async def read(self, view: View) -> Reading:
        """What is written in it. That this person read it stays in its history."""
        raw = await self._raw(view)
        await self._store.note(view.mail.queue_id, "message.read", by=view.actor, now=self._clock.now(), data={})
        return await asyncio.to_thread(reading.read, raw, view.mail.hits)

    async def html(self, view: View) -> str:
        return await asyncio.to_thread(reading.html, await self._raw(view))

    async def file(self, view: View, number: int) -> tuple[str, bytes] | None:
        """One of the files that `read` lists; kept in the history as well."""
        found = await asyncio.to_thread(reading.file, await self._raw(view), number)
        if found is not None:
            data = {"file": str(number)}
            await self._store.note(view.mail.queue_id, "file.read", by=view.actor, now=self._clock.now(), data=data)
        return found

    async def _raw(self, view: View) -> bytes:
        if not view.readable:
            raise NotAllowed(N_("This link can't do that."))
        return b"".join([chunk async for chunk in self._store.body(view.mail.queue_id)])

    # acting
    async def stop(self, view: View) -> Decision:
        """The safe direction, one press: the wait becomes a hold, and the sender is told."""
        checks.need(view, "stop")
        return await self.halt(view.mail, view.actor, view.scope)

    async def send(self, view: View, confirm: Collection[str], seen: str, code: str = "", said: str = "") -> Decision:
        """Release (or, for an approver, approve) after every tick was made; raises what is missing. `said`: why."""
        checks.need(view, "send")
        self.seen.check(view, seen)
        said = within_bounds(said)
        checks.ticks(view.confirm, confirm)
        await self._check_proof(view, code)
        return await self.let_go(view, said)

    async def let_go(self, view: View, said: str = "") -> Decision:
        """As `send`, of somebody who was asked for everything that it asks for, or may do without."""
        mail = view.mail
        try:
            decision = await (self._approve if view.power is Power.APPROVER else self._release)(view, said)
        except MailChanged:
            raise NotConfirmed(CHANGED) from None
        if decision.ending is Ending.DONE:
            approver = view.power is Power.APPROVER
            note = self._log.approved if approver else self._log.released
            note(mail.queue_id, view.actor, [hold.rule for hold in decision.remaining])
            self.count(mail, decision, "approved" if approver else "released")
            self._wake.wake()
        return decision

    async def drop(self, view: View, recipients: Collection[str], seen: str) -> Decision:
        """These recipients get nothing; the rest goes on waiting. Dropping all is cancelling."""
        checks.need(view, "drop")
        self.seen.check(view, seen)
        keys = {address.key(recipient) for recipient in recipients}
        waiting = {address.key(d.address) for d in view.recipients if d.state.waiting}
        if not keys:
            raise NotConfirmed(N_("Tick the recipients to drop."))
        if not keys <= waiting:
            raise NotConfirmed(N_("One of the ticked recipients is not waiting any more. Look again, then press."))
        return await self.take_out(view.mail, keys, view.actor)

    async def cancel(self, view: View, confirm: Collection[str], seen: str) -> Decision:
        """It never leaves, and comes back to its sender as an attachment."""
        checks.need(view, "cancel")
        self.seen.check(view, seen)
        checks.ticks((view.mail.queue_id,), confirm)
        return await self.call_off(view.mail, view.actor)

    async def cancel_earlier(self, view: View, confirm: Collection[str], seen: str) -> Decision:
        """The mail that this one replaces never leaves, and comes back; this one is not touched."""
        if view.earlier is None:
            raise NotAllowed(N_("There is no earlier mail like this one that still waits."))
        self.seen.check(view, seen)
        checks.ticks((view.earlier.queue_id,), confirm)
        return await self.call_off(view.earlier, view.actor)

    async def hide(self, view: View, recipients: Collection[str], seen: str) -> Decision:
        """These recipients move from To or Cc to Bcc, so that the others do not see them."""
        checks.need(view, "hide")
        self.seen.check(view, seen)
        keys = {address.key(recipient) for recipient in recipients}
        if not keys:
            raise NotConfirmed(N_("Tick the recipients to move to Bcc."))
        shown = {address.key(d.address) for d in view.recipients if d.visible and not d.added and d.state.waiting}
        if not keys <= shown:
            raise NotConfirmed(N_("One of the ticked recipients is not waiting any more. Look again, then press."))
        head = await self.head(view.mail)
        if headers.signed(head, "to") or headers.signed(head, "cc"):
            raise NotAllowed(N_("This mail is signed by its mail program: its recipients can't be moved."))
        edits: list[headers.Edit] = [headers.Hide(d.address) for d in view.recipients if address.key(d.address) in keys]
        rest = Message(headers.apply(head, [*view.mail.edits, *edits]))
        if not (rest.raw_fields("to") or rest.raw_fields("cc")):
            edits.append(headers.Prepend("To", "undisclosed-recipients:;"))
        decision = await self._store.hide(view.mail.queue_id, keys, by=view.actor, now=self._clock.now(), edits=edits)
        if decision.ending is Ending.DONE:
            self._log.hidden(view.mail.queue_id, keys, view.actor)
        return decision

    async def extend(self, view: View, hours: str, seen: str) -> Decision:
        """Whoever has to answer gets more time: one of `LONGER`, from now."""
        checks.need(view, "extend")
        self.seen.check(view, seen)
        if hours not in map(str, LONGER):
            raise NotConfirmed(N_("Choose how long it should wait."))
        now, span = self._clock.now(), timedelta(hours=int(hours))
        until = look.later(view.mail, span, now)
        if until is None:
            return Decision(Ending.ALREADY)
        decision = await self._store.extend(view.mail.queue_id, by=view.actor, until=until, now=now)
        if decision.ending is Ending.DONE:
            self._log.extended(view.mail.queue_id, until, view.actor)
            self._wake.wake()
        return decision

    async def ask(self, view: View, said: str, confirm: Collection[str], seen: str) -> Decision:
        """Those of the missing approvers who are ticked hear of it again, with the sender's own words."""
        checks.need(view, "ask")
        self.seen.check(view, seen)
        said, mail, ticked = within_bounds(said), view.mail, set(map(address.key, confirm))
        asked = [who for who in look.approvers(mail) if address.key(who) in ticked]
        if not said:
            raise NotConfirmed(N_("Write in a sentence why they should approve it."))
        if not asked:
            raise NotConfirmed(N_("Tick whom to ask."))
        events, now = await self._store.events(mail.queue_id), self._clock.now()
        if any(e.kind == "approval.asked" and e.at > now - ASK_AGAIN for e in events):
            raise NotConfirmed(N_("They were asked less than an hour ago. Please give them time."))
        notices = [
            NewNotice(NoticeKind.APPROVAL, who, mail.queue_id, Power.APPROVER, data={"said": said}) for who in asked
        ]
        return await self.note(view, "approval.asked", notices, {"said": said})

    async def report(self, view: View, rule: str, why: str, seen: str) -> Decision:
        """This rule was wrong about this mail: one vote a person, for the rule's statistics."""
        checks.need(view, "report")
        self.seen.check(view, seen)
        if rule not in look.rules(view.mail):
            raise NotConfirmed(N_("Choose the rule that is wrong."))
        mine = address.key(view.person)
        for event in await self._store.events(view.mail.queue_id):
            if event.kind == "rule.reported" and (event.data.get("rule"), event.data.get("person")) == (rule, mine):
                return Decision(Ending.ALREADY, at=event.at)
        data = {"rule": rule, "person": mine, "why": within_bounds(why)}
        decision = await self._store.note(
            view.mail.queue_id, "rule.reported", by=view.actor, now=self._clock.now(), data=data
        )
        self._log.reported(view.mail.queue_id, rule, view.actor)
        self._metrics.reports.labels(rule).inc()
        return decision

    async def _approve(self, view: View, said: str) -> Decision:
        mail = view.mail
        notices = [NewNotice(NoticeKind.DECIDED, mail.answers, mail.queue_id, data={"by": view.person})]
        return await self._store.approve(
            mail.queue_id, by=view.actor, person=view.person, now=self._clock.now(), notices=notices,
            anyones=view.anyones, said=said, revision=mail.revision,
        )  # fmt: skip

    async def _release(self, view: View, said: str) -> Decision:
        scope = view.scope
        if view.power is Power.SENDER and not view.mail.open_holds:
            scope = frozenset(address.key(d.address) for d in look.shortenable(view.mail, Shorten.SENDER))
        return await self._store.send_now(
            view.mail.queue_id, by=view.actor, now=self._clock.now(), scope=scope, said=said,
            revision=view.mail.revision,
        )  # fmt: skip

    async def halt(self, mail: Mail, actor: Actor, scope: frozenset[str]) -> Decision:
        now = self._clock.now()
        hold = Hold(
            rule="stopped", reason=saying("Stopped by {who}", who=actor.name), kind=HoldKind.STOPPED, scope=scope,
            expires_at=now + STOP_LASTS, on_expiry=OnExpiry.RETURN,
        )  # fmt: skip
        notices = [NewNotice(NoticeKind.STOPPED, mail.answers, mail.queue_id, data={"by": actor.name})]
        decision = await self._store.stop(mail.queue_id, by=actor, hold=hold, now=now, notices=notices)
        if decision.ending is Ending.DONE:
            self._log.held(mail.queue_id, ["stopped"], actor, hold.expires_at)
            self._wake.wake()
        return decision

    async def call_off(
        self, mail: Mail, actor: Actor, reason: str = "cancelled", notice: NewNotice | None = None
    ) -> Decision:
        """It never leaves; its sender has it back, with `notice` where that says more than who did it."""
        decision = await self._store.cancel(
            mail.queue_id, by=actor, now=self._clock.now(), reason=reason, notices=[notice or _returned(mail, actor)]
        )
        if decision.ending is Ending.DONE:
            self._log.cancelled(mail.queue_id, actor)
            self.count(mail, decision, "cancelled")
            self._wake.wake()
        return decision

    async def note(
        self, view: View, event: str, notices: Sequence[NewNotice], data: Mapping[str, str] = MappingProxyType({})
    ) -> Decision:
        """Nothing about the mail changes: somebody is told something, and its history says so."""
        mail, now = view.mail, self._clock.now()
        decision = await self._store.note(mail.queue_id, event, by=view.actor, now=now, data=data, notices=notices)
        self._wake.wake()
        return decision

    def count(self, mail: Mail, decision: Decision, outcome: str) -> None:
        """The holds of this mail that a press ended, for the metrics."""
        still = {hold.id for hold in decision.remaining}
        if ended := sum(hold.id not in still for hold in mail.open_holds):
            self._metrics.holds.labels(outcome).inc(ended)

    async def take_out(self, mail: Mail, keys: Collection[str], actor: Actor) -> Decision:
        """These recipients (keys) get nothing; of everybody who waits it is a cancel."""
        if {address.key(d.address) for d in mail.deliveries if d.state.waiting} <= set(keys):
            return await self.call_off(mail, actor)
        head = await self.head(mail)
        editable = not (headers.signed(head, "to") or headers.signed(head, "cc"))
        back, now = [_returned(mail, actor)], self._clock.now()
        decision = await self._store.drop(mail.queue_id, keys, by=actor, now=now, edit_headers=editable, if_last=back)
        if decision.ending is Ending.DONE:
            self._log.dropped(mail.queue_id, keys, actor)
            self._wake.wake()
        return decision

    async def _check_proof(self, view: View, code: str) -> None:
        if view.requires is Requires.LOGIN:
            raise NotAllowed(N_("This mail can be let go only after signing in to your outbox."))
        if view.requires is Requires.CODE:
            await self._check_code(view.mail.queue_id, view.person, code)


def _returned(mail: Mail, actor: Actor) -> NewNotice:
    """It comes back to its sender as an attachment."""
    return NewNotice(NoticeKind.RETURNED, mail.answers, mail.queue_id, data={"by": actor.name})
