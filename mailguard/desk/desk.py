"""What people may do to their waiting mail. Web pages and the command line all come through here."""

import hmac
import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.desk import look
from mailguard.desk.errors import CodeNeeded, CodeWrong, NotAllowed, NotConfirmed
from mailguard.desk.look import View
from mailguard.log import Log
from mailguard.mail import address, headers
from mailguard.metrics import Metrics
from mailguard.people import People
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

STOP_LASTS = timedelta(hours=24)
CODE_LASTS = timedelta(minutes=10)
LOGIN_LASTS = timedelta(hours=12)
OUTBOX_WAITING, OUTBOX_LATELY = 1000, 100


class Wake(Protocol):
    """What the desk needs of the scheduler: look again, something changed."""

    def wake(self) -> None: ...


class Desk:
    """Checks power, ticks and nonce; the store's compare-and-set then decides who was first."""

    def __init__(
        self, store: Store, people: Callable[[], People], clock: Clock, log: Log, metrics: Metrics, wake: Wake
    ) -> None:
        self._store, self._people = store, people
        self._clock, self._log, self._metrics, self._wake = clock, log, metrics, wake
        self._secret = secrets.token_bytes(32)

    # looking
    async def view(self, token: str) -> View | None:
        """What the holder of this link sees; None for a foreign or absent token, alike."""
        capability = await self._store.capability(tokens.digest(token))
        mail = await self._store.get(capability.queue_id) if capability else None
        if capability is None or mail is None or mail.purged:
            return None
        return self._view(mail, capability.person, capability.power, "link", capability.scope)

    async def own(self, person: str, queue_id: str) -> View | None:
        """The same for a signed-in person and a mail of their own."""
        mail = await self._store.get(queue_id)
        if mail is None or address.key(mail.answers) != address.key(person):
            return None
        return self._view(mail, person, Power.SENDER, "outbox", frozenset())

    async def outbox(self, person: str) -> list[Mail]:
        """All of this person's mail that waits, and what lately ended, newest first."""
        who = address.key(person)
        waiting = await self._store.find(Filter(answers=who, waiting=True, limit=OUTBOX_WAITING))
        lately = await self._store.find(Filter(answers=who, limit=OUTBOX_LATELY))
        return list({mail.queue_id: mail for mail in (*waiting, *lately)}.values())

    def _view(self, mail: Mail, person: str, power: Power, via: str, scope: frozenset[str]) -> View:
        bare = View(
            mail, person, power, Actor(person, via),
            look.allowed(mail, person, power, scope), look.confirm(mail, scope),
            look.visible(mail, power), look.requires(mail, person, power, via), scope,
        )  # fmt: skip
        nonce = secrets.token_hex(8)
        return replace(bare, seen=f"{nonce}.{self._nonce(bare, nonce)}")

    def _nonce(self, view: View, nonce: str) -> str:
        about = "\0".join((nonce, view.mail.queue_id, address.key(view.person), str(view.mail.revision)))
        return hmac.new(self._secret, about.encode(), "sha256").hexdigest()[:32]

    def _check_seen(self, view: View, seen: str) -> None:
        nonce, _, proof = seen.partition(".")
        if not hmac.compare_digest(proof.encode(), self._nonce(view, nonce).encode()):
            raise NotConfirmed("This mail changed since you opened the page. Look again, then press.")

    # acting
    async def stop(self, view: View) -> Decision:
        """The safe direction, one press: the wait becomes a hold, and the sender is told."""
        _need(view, "stop")
        return await self.halt(view.mail, view.actor, view.scope)

    async def send(self, view: View, confirm: Collection[str], seen: str, code: str = "") -> Decision:
        """Release (or, for an approver, approve) after every tick was made; raises what is missing."""
        _need(view, "send")
        self._check_seen(view, seen)
        _check_ticks(view.confirm, confirm)
        await self._check_proof(view, code)
        mail, now = view.mail, self._clock.now()
        if view.power is Power.APPROVER:
            notices = [NewNotice(NoticeKind.DECIDED, mail.answers, mail.queue_id, data={"by": view.person})]
            decision = await self._store.approve(
                mail.queue_id, by=view.actor, person=view.person, now=now, notices=notices
            )
        else:
            decision = await self._release(view)
        if decision.ending is Ending.DONE:
            approver = view.power is Power.APPROVER
            note = self._log.approved if approver else self._log.released
            note(mail.queue_id, view.actor, [hold.rule for hold in decision.remaining])
            self.count(mail, decision, "approved" if approver else "released")
            self._wake.wake()
        return decision

    async def drop(self, view: View, recipients: Collection[str], seen: str) -> Decision:
        """These recipients get nothing; the rest goes on waiting. Dropping all is cancelling."""
        _need(view, "drop")
        self._check_seen(view, seen)
        keys = {address.key(recipient) for recipient in recipients}
        waiting = {address.key(d.address) for d in view.recipients if d.state.waiting}
        if not keys:
            raise NotConfirmed("Tick the recipients to drop.")
        if not keys <= waiting:
            raise NotConfirmed("One of the ticked recipients is not waiting any more. Look again, then press.")
        return await self.take_out(view.mail, keys, view.actor)

    async def cancel(self, view: View, confirm: Collection[str], seen: str) -> Decision:
        """It never leaves, and comes back to its sender as an attachment."""
        _need(view, "cancel")
        self._check_seen(view, seen)
        _check_ticks((view.mail.queue_id,), confirm)
        return await self.call_off(view.mail, view.actor)

    async def _release(self, view: View) -> Decision:
        scope = view.scope
        if view.power is Power.SENDER and not view.mail.open_holds:
            scope = frozenset(address.key(d.address) for d in look.shortenable(view.mail, Shorten.SENDER))
        return await self._store.send_now(view.mail.queue_id, by=view.actor, now=self._clock.now(), scope=scope)

    async def halt(self, mail: Mail, actor: Actor, scope: frozenset[str]) -> Decision:
        now = self._clock.now()
        hold = Hold(
            rule="stopped", reason=f"Stopped by {actor.name}", kind=HoldKind.STOPPED, scope=scope,
            expires_at=now + STOP_LASTS, on_expiry=OnExpiry.RETURN,
        )  # fmt: skip
        notices = [NewNotice(NoticeKind.STOPPED, mail.answers, mail.queue_id, data={"by": actor.name})]
        decision = await self._store.stop(mail.queue_id, by=actor, hold=hold, now=now, notices=notices)
        if decision.ending is Ending.DONE:
            self._log.held(mail.queue_id, ["stopped"], actor, hold.expires_at)
            self._wake.wake()
        return decision

    async def call_off(self, mail: Mail, actor: Actor) -> Decision:
        decision = await self._store.cancel(
            mail.queue_id, by=actor, now=self._clock.now(), notices=[_returned(mail, actor)]
        )
        if decision.ending is Ending.DONE:
            self._log.cancelled(mail.queue_id, actor)
            self.count(mail, decision, "cancelled")
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
        head = b"".join([chunk async for chunk in self._store.body(mail.queue_id)][:1])
        head = head[: headers.split(head)]
        editable = not (headers.signed(head, "to") or headers.signed(head, "cc"))
        decision = await self._store.drop(
            mail.queue_id,
            keys,
            by=actor,
            now=self._clock.now(),
            edit_headers=editable,
            if_last=[_returned(mail, actor)],
        )
        if decision.ending is Ending.DONE:
            self._log.dropped(mail.queue_id, keys, actor)
            self._wake.wake()
        return decision

    async def _check_proof(self, view: View, code: str) -> None:
        if view.requires is Requires.LOGIN:
            raise NotAllowed("This mail can be let go only after signing in to your outbox.")
        if view.requires is Requires.CODE:
            await self._check_code(view.mail.queue_id, view.person, code)

    async def _check_code(self, queue_id: str, person: str, code: str) -> None:
        subject = f"mail:{queue_id}:{address.key(person)}"
        if not code:
            await self._mail_code(subject, person, queue_id)
            raise CodeNeeded(f"A six-digit code was mailed to {person}. Enter it and press again.")
        if not await self._store.use_code(subject, tokens.digest(f"{subject}:{code.strip()}"), self._clock.now()):
            raise CodeWrong("That is not the code we mailed, or it has expired. Leave it empty to get a new one.")

    async def _mail_code(self, subject: str, person: str, queue_id: str = "") -> None:
        code, now = tokens.code(), self._clock.now()
        if await self._store.set_code(subject, tokens.digest(f"{subject}:{code}"), now + CODE_LASTS, now):
            await self._store.notify([NewNotice(NoticeKind.CODE, person, queue_id, data={"code": code})], now)
            self._wake.wake()

    # signing in to the outbox
    async def sign_in(self, person: str, browser: str) -> None:
        """Mail a code, if the address is one of ours; whoever asks learns nothing either way."""
        if "@" in person and self._people().internal(person):
            await self._mail_code(_login(person, browser), person)

    async def signed_in(self, person: str, code: str, browser: str) -> str | None:
        """A cookie's value for the right code from the browser that asked for it, else None."""
        subject, now = _login(person, browser), self._clock.now()
        if not await self._store.use_code(subject, tokens.digest(f"{subject}:{code.strip()}"), now):
            return None
        cookie = tokens.new()
        await self._store.open_login(tokens.digest(cookie), self._people().canonical(person), now + LOGIN_LASTS)
        return cookie

    async def person(self, cookie: str) -> str | None:
        """Whose session this cookie is."""
        return await self._store.login(tokens.digest(cookie), self._clock.now())

    async def sign_out(self, cookie: str) -> None:
        await self._store.close_login(tokens.digest(cookie))


def _returned(mail: Mail, actor: Actor) -> NewNotice:
    """It comes back to its sender as an attachment."""
    return NewNotice(NoticeKind.RETURNED, mail.answers, mail.queue_id, data={"by": actor.name})


def _login(person: str, browser: str) -> str:
    return f"login:{address.key(person)}:{tokens.digest(browser).hex()[:32]}"


def _need(view: View, verb: str) -> None:
    if verb not in view.allowed:
        raise NotAllowed(f"You cannot {verb} this mail with this link.")


def _check_ticks(wanted: Collection[str], given: Collection[str]) -> None:
    keys = {address.key(tick) for tick in given}
    if missing := [tick for tick in wanted if address.key(tick) not in keys]:
        raise NotConfirmed("Not yet: tick " + ", ".join(missing) + " first.")
