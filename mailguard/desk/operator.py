"""What an administrator may do at the command line: whoever may open the admin socket, named in the audit."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from mailguard.clock import Clock
from mailguard.desk.desk import Desk
from mailguard.desk.errors import NotAllowed
from mailguard.desk.sign_in import Wake
from mailguard.locale import saying
from mailguard.log import Log
from mailguard.mail import address
from mailguard.records import Actor, Claim, Decision, Ending, Erasure, Mail, NewMail, Outcome, Reply, Result
from mailguard.store.base import Store

Reports = Callable[[Claim, Mapping[int, Outcome], bytes, datetime], list[NewMail]]


class Operator:
    """The same verbs as on the pages, and two more; an approver's hold is not an operator's to resolve."""

    def __init__(self, desk: Desk, store: Store, clock: Clock, log: Log, wake: Wake, reports: Reports) -> None:
        self._desk, self._store, self._clock, self._log = desk, store, clock, log
        self._wake, self._reports = wake, reports

    async def operate(
        self, verb: str, queue_id: str, actor: Actor, recipients: Sequence[str] = (), *, revision: int | None = None
    ) -> Decision:
        """send, stop, cancel, drop, requeue or bounce. Raises NotAllowed for another verb.

        MailChanged: it was to be sent as it stood at `revision`, and somebody was quicker.
        """
        mail = await self._store.get(queue_id)
        if mail is None:
            return Decision(Ending.UNKNOWN)
        keys = {address.key(recipient) for recipient in recipients}
        verbs: dict[str, Callable[[], Awaitable[Decision]]] = {
            "send": lambda: self._send(mail, actor, revision),
            "stop": lambda: self._desk.halt(mail, actor, frozenset()),
            "cancel": lambda: self._desk.call_off(mail, actor),
            "drop": lambda: self._desk.take_out(mail, keys, actor),
            "requeue": lambda: self._store.requeue(queue_id, by=actor, now=self._clock.now()),
            "bounce": lambda: self._bounce(mail, actor),
        }
        if verb not in verbs:
            raise NotAllowed("There is no verb {verb} for a queued mail.", verb=repr(verb))
        decision = await verbs[verb]()
        self._wake.wake()
        return decision

    async def resume(self, actor: Actor) -> bool:
        """Let a paused store send again. False when it was not paused."""
        done = await self._store.resume(by=actor, now=self._clock.now())
        if done:
            self._log.resumed(actor)
            self._wake.wake()
        return done

    async def erase(self, person: str, actor: Actor, *, dry_run: bool) -> Erasure:
        """Forget a person, as `Store.erase`; absences first, so that what the audit says of their end goes as well."""
        what = await self._store.erase(person, by=actor, now=self._clock.now(), dry_run=True)  # or UnderLegalHold
        if dry_run:
            return what
        await self._desk.absences.erase(person, actor)
        return await self._store.erase(person, by=actor, now=self._clock.now())

    async def _send(self, mail: Mail, actor: Actor, revision: int | None) -> Decision:
        decision = await self._store.send_now(mail.queue_id, by=actor, now=self._clock.now(), revision=revision)
        if decision.ending is Ending.DONE:
            self._log.released(mail.queue_id, actor, [hold.rule for hold in decision.remaining])
            self._desk.count(mail, decision, "released")
        return decision

    async def _bounce(self, mail: Mail, actor: Actor) -> Decision:
        """Give up what waits; its sender gets the report of a failed delivery, with the mail."""
        now, waiting = self._clock.now(), tuple(d for d in mail.deliveries if d.state.waiting)
        reply = Reply(550, "5.7.0", saying("given up by an administrator"))
        raw = b"".join([chunk async for chunk in self._store.body(mail.queue_id)])
        outcomes = {d.id: Outcome(Result.FAILED, reply) for d in waiting}
        reports = self._reports(Claim(mail, "", waiting, 0, now), outcomes, raw, now)
        return await self._store.bounce(
            mail.queue_id, tuple(outcomes), reply=reply.said, by=actor, now=now, reports=reports
        )
