"""accept(envelope, spool, session) → queue id: facts, verdict, one `store.put`; the 250 depends on it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from mailguard.clock import Clock
from mailguard.errors import PermanentFailure, TemporaryFailure
from mailguard.intake import queue_id as ids
from mailguard.intake.forks import Forks, forked
from mailguard.intake.judge import UNDECIDED, IntakeSettings, Judge
from mailguard.intake.letter import Letter
from mailguard.intake.loops import Loops
from mailguard.intake.resends import Resends
from mailguard.intake.watch import RuleWatch, Suspicion
from mailguard.locale import sayings
from mailguard.log import Log
from mailguard.mail.envelope import Envelope, Session
from mailguard.mail.reading import Reading
from mailguard.metrics import Metrics
from mailguard.people.alerts import Alert
from mailguard.records import (
    Accepted,
    Action,
    Decision,
    Ending,
    NewMail,
    NewNotice,
    NoticeKind,
    Spool,
    State,
)
from mailguard.rules.rule import RuleSet
from mailguard.stamp import Stamps
from mailguard.store.base import Filter, Store
from mailguard.tasks import Tasks, patiently

MANY = 100_000
PATIENCE = (1.0, 5.0, 30.0, 120.0, 600.0)  # seconds between tries to write a late decision


class Intake:
    """One mail at a time: what is known of others is a fact from the store, a resend, or what the watch counted."""

    def __init__(
        self, store: Store, judge: Judge, rules: Callable[[], RuleSet], settings: IntakeSettings, clock: Clock,
        log: Log, metrics: Metrics, wake: Callable[[], None], *,
        stricter: Callable[[NewMail], NewMail] = lambda mail: mail, alerts: Alert = lambda _: [],
        stamps: Callable[[], Stamps] = Stamps, ring: Callable[[str, str], None] = lambda *_: None,
    ) -> None:  # fmt: skip
        """`stricter` adds the holds of what became stricter while a mail was judged; `alerts` are made of a rule that
        may be broken; by `stamps` is known what came back, and `ring` is told of it.
        """
        self._store, self._judge, self._rules, self._settings = store, judge, rules, settings
        self._clock, self._log, self._metrics, self._wake, self._stricter = clock, log, metrics, wake, stricter
        self._alerts = alerts
        self._loops = Loops(stamps, clock, log, metrics, ring)
        self.watch = RuleWatch()
        self._late = Tasks()
        self._resends = Resends(store, clock)
        self._forks = Forks(store, judge, clock, settings.decide, stricter, _no_reject)

    def accept(self, envelope: Envelope, spool: Spool, session: Session) -> Coroutine[Any, Any, Accepted]:
        """Durable when it returns. Raises PermanentFailure (a rule rejects, a loop), TemporaryFailure, StoreFull.

        The mail is received at the call, not when its task has its first turn: a login that is frozen or disabled in
        between, after the SMTP server looked for the last time, must find it to be older.
        """
        now = self._clock.now()
        return self._once(Letter(ids.new(now), envelope, spool, session, Reading(spool.message), now))

    async def _once(self, letter: Letter) -> Accepted:
        envelope, spool, session = letter.envelope, letter.spool, letter.session
        await self._loops.refuse(letter)
        if not letter.message.message_id:  # what has no name can't be told from another that says the same
            return await self._accept(letter)
        accepted = await self._resends.once(
            session.identity.address, envelope, spool.digest, lambda: self._accept(letter)
        )
        if accepted.resend:
            self._log.resent(accepted.queue_id, session, len(envelope.recipients))
        return accepted

    def answered(self, accepted: Accepted) -> None:
        """The client has seen this mail's 250: it went on after it."""
        self._resends.answered(accepted)

    async def _accept(self, letter: Letter) -> Accepted:
        # failpoint: intake.begun
        started = self._clock.monotonic()
        opinion = self._judge.opinion(letter) if letter.small else None
        if isinstance(opinion, NewMail):
            mail = opinion
        else:  # a large mail, or a rule wants to know more than it says
            judging = asyncio.create_task(self._judge.mail(letter, opinion or {}))
            done, _ = await asyncio.wait({judging}, timeout=self._settings.decide.total_seconds())
            if not done:
                return await self._accept_undecided(letter, judging)
            mail = judging.result()
        self._metrics.evaluation.observe(self._clock.monotonic() - started)
        self._refuse(mail)
        return await self._kept(letter, await forked(letter, mail))

    def _refuse(self, mail: NewMail) -> None:
        if mail.verdict.action is Action.REJECT:
            self._note(mail)
            raise PermanentFailure(f"rejected by rule {mail.verdict.reject}")

    async def _kept(self, letter: Letter, mail: NewMail) -> Accepted:
        """The mail by itself; a connector's, if it is the first of its forks, else with what came before it."""
        while True:
            kept, first = await self._put(mail, letter.session)
            if not first:
                # failpoint: intake.stored
                return Accepted(kept.queue_id, kept.verdict.holds[0].rule if kept.verdict.holds else "")
            joined = await self._forks.join(letter, first)
            if isinstance(joined, NewMail):
                mail = joined
                self._refuse(mail)
            elif joined.ending is not Ending.UNKNOWN:
                self._log.forked(first, letter.session, len(letter.envelope.recipients), joined.ending)
                self._wake()
                return Accepted(first, joined.remaining[0].rule if joined.remaining else "")

    async def know_again(self) -> None:
        """What another process took in its last hour: it is gone, and its clients may not have heard the answer."""
        await self._resends.load()

    async def resume(self) -> int:
        """Decide what an earlier process left undecided (how many), and know again what it took."""
        await self.know_again()
        waiting = await self._store.find(Filter(rule=UNDECIDED, state=State.HELD, limit=MANY))
        for stored in waiting:
            raw = bytearray()
            async for chunk in self._store.body(stored.queue_id):
                raw += chunk
            session = Session("", stored.identity, "", listener="")
            spool = Spool(raw, stored.digest)
            letter = Letter(
                stored.queue_id, stored.envelope, spool, session, Reading(spool.message),
                stored.received_at, stored.edits,
            )  # fmt: skip
            # failpoint: intake.resuming
            self._decide_late(asyncio.create_task(self._judge.mail(letter)))
        return len(waiting)

    async def drain(self, seconds: float) -> None:
        """Give what is decided late this long to end; the rest stays held, and `resume` decides it at the start."""
        await self._late.end(seconds)

    # storing
    def _watched(self, mail: NewMail) -> NewMail:
        """As it was judged; a rule that suddenly holds too much is told of, and asks nobody for a while."""
        now = self._clock.monotonic()
        for suspicion in self.watch.see(mail, self._rules(), now):
            self._log.suspected(suspicion.rule, suspicion.held, suspicion.mails)
            self._late.spawn(self._alert(suspicion))
        return self.watch.patient(mail, now, self._clock.now())

    async def _alert(self, suspicion: Suspicion) -> None:
        data = {"about": "rule.suspected", "name": suspicion.rule}
        data |= {"held": str(suspicion.held), "mails": str(suspicion.mails)}
        try:
            await self._store.notify(self._alerts(data), self._clock.now())
            self._wake()
        except Exception as error:
            self._log.failure("rule watch", error)

    async def _put(self, mail: NewMail, session: Session) -> tuple[NewMail, str]:
        """As it was kept, and what `Store.put` says."""
        started = self._clock.monotonic()
        mail = self._stricter(self._watched(mail))
        if first := await self._store.put(mail, self._clock.now()):
            return mail, first
        seconds = self._clock.monotonic() - started
        self._metrics.commit.observe(seconds)
        self._metrics.received.labels(session.listener).inc()
        self._log.accepted(mail, seconds)
        self._note(mail)
        self._wake()
        return mail, ""

    def _note(self, mail: NewMail) -> None:
        for hit in mail.verdict.hits:
            self._metrics.matches.labels(hit.rule, hit.action.name.lower(), hit.mode.value).inc()
        self._log.evaluated(mail)

    async def _accept_undecided(self, letter: Letter, judging: "asyncio.Task[NewMail]") -> Accepted:
        """The budget is spent: keep it safe and held now, decide once afterwards."""
        mail = self._judge.undecided(letter)
        await self._put(mail, letter.session)
        self._decide_late(judging)
        return Accepted(mail.queue_id, UNDECIDED)

    def _decide_late(self, judging: "asyncio.Task[NewMail]") -> None:
        async def decide() -> None:
            try:
                mail = self._watched(_no_reject(await judging))
                decision = await self._persist(mail)
                if decision.ending is Ending.DONE:
                    self._note(mail)
                    self._wake()
            except Exception as error:
                self._log.failure("decide", error)

        self._late.spawn(decide())

    async def _persist(self, mail: NewMail) -> Decision:
        """A full or busy store passes: a decided mail must not wait for the next start because of it."""
        return await patiently(
            lambda: self._store.decide(mail, self._clock.now()), TemporaryFailure, PATIENCE, self._clock.sleep
        )


def _no_reject(mail: NewMail) -> NewMail:
    """After a 250 a reject comes too late: the mail goes back to its sender with the reason instead."""
    if mail.verdict.action is not Action.REJECT:
        return mail
    ended = tuple(
        replace(d, state=State.CANCELLED, due_at=None, reason=f"rejected by rule {mail.verdict.reject}")
        for d in mail.deliveries
    )
    notice = NewNotice(
        NoticeKind.RETURNED, mail.answers, mail.queue_id, data={"rejected": sayings.pack(mail.verdict.reject)}
    )
    return replace(mail, deliveries=ended, notices=(notice,))
