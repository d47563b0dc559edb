"""accept(envelope, spool, session) → queue id: facts, verdict, one `store.put`; the 250 depends on it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailguard import rules as policy
from mailguard.clock import Clock
from mailguard.errors import CannotTell, PermanentFailure, TemporaryFailure
from mailguard.history.settings import Learn
from mailguard.intake import queue_id as ids
from mailguard.intake.arrange import Desired, arrange, edits
from mailguard.intake.aside import stand_aside
from mailguard.intake.facts import gather, split_recipients
from mailguard.intake.resends import Resends
from mailguard.intake.watch import RuleWatch, Suspicion
from mailguard.log import Log
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Session
from mailguard.mail.headers import Edit
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.metrics import Metrics
from mailguard.notices import NoticeSettings
from mailguard.people import People
from mailguard.records import (
    Accepted,
    Action,
    AttachmentInfo,
    Decision,
    Ending,
    Hit,
    Hold,
    HoldKind,
    Mode,
    NewMail,
    NewNotice,
    NoticeKind,
    OnExpiry,
    Past,
    Spool,
    State,
    Verdict,
)
from mailguard.rules import RuleSet
from mailguard.rules.settings import HoldSettings
from mailguard.store.base import Filter, Store
from mailguard.tasks import Tasks, patiently

INLINE = 128 * 1024  # bytes: smaller mail is judged on the loop (10 ms if it is all text), larger in a thread
INLINE_HEAD = 16 * 1024  # bytes: a longer header may be made to be slow to read
MANY = 100_000
PATIENCE = (1.0, 5.0, 30.0, 120.0, 600.0)  # seconds between tries to write a late decision
MAX_RECEIVED = 50  # RFC 5321 §6.3 asks for a large count
MAX_OWN_RECEIVED = 3
UNDECIDED = "undecided"
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """What intake needs of the configuration."""

    hostname: str
    holds: HoldSettings
    learn: Learn
    notices: NoticeSettings
    decide: timedelta  # from the dot to the 250, all facts included


class Intake:
    """One mail at a time: what is known of others is a fact from the store, a resend, or what the watch counted."""

    def __init__(
        self,
        store: Store,
        rules: Callable[[], RuleSet],
        people: Callable[[], People],
        destination: Callable[[str], str],
        settings: IntakeSettings,
        clock: Clock,
        log: Log,
        metrics: Metrics,
        wake: Callable[[], None],
        *,
        stricter: Callable[[NewMail], NewMail] = lambda mail: mail,
        aside: Callable[[datetime], object] = lambda _: None,
    ) -> None:
        """`stricter` adds the holds of what became stricter while a mail was judged; `aside`: is the guard so?"""
        self._store, self._rules, self._people, self._destination = store, rules, people, destination
        self._settings, self._clock, self._log, self._metrics, self._wake = (
            settings,
            clock,
            log,
            metrics,
            wake,
        )
        self._stricter, self._aside_at = stricter, aside
        self.watch = RuleWatch()
        self._late = Tasks()
        self._resends = Resends(store, clock)

    async def accept(self, envelope: Envelope, spool: Spool, session: Session) -> Accepted:
        """Durable when it returns. Raises PermanentFailure (a rule rejects, a loop), TemporaryFailure, StoreFull."""
        now = self._clock.now()
        letter = _Letter(ids.new(now), envelope, spool, session, Reading(Message(spool.raw)), now)
        self._refuse_loops(letter.message)
        if not letter.message.message_id:  # what has no name can't be told from another that says the same
            return await self._accept(letter)
        accepted = await self._resends.once(
            session.identity.address, envelope, spool.digest, lambda: self._accept(letter)
        )
        if accepted.resend:
            self._log.resent(accepted.queue_id, session, len(envelope.recipients))
        return accepted

    def answered(self, queue_id: str) -> None:
        """The client has seen this mail's 250: it went on after it."""
        self._resends.answered(queue_id)

    async def _accept(self, letter: "_Letter") -> Accepted:
        # failpoint: intake.begun
        started = self._clock.monotonic()
        mail, asked = self._opinion(letter, None) if letter.small else (None, False)
        if mail is None or asked:  # a large mail, or one whose sender's past a rule wants to know
            judging = asyncio.create_task(self._judge(letter, asked=asked))
            done, _ = await asyncio.wait({judging}, timeout=self._settings.decide.total_seconds())
            if not done:
                return await self._accept_undecided(letter, judging)
            mail = judging.result()
        self._metrics.evaluation.observe(self._clock.monotonic() - started)
        if mail.verdict.action is Action.REJECT:
            self._note(mail)
            raise PermanentFailure(f"rejected by rule {mail.verdict.reject}")
        mail = await self._put(mail, letter.session)
        # failpoint: intake.stored
        return Accepted(mail.queue_id, mail.verdict.holds[0].rule if mail.verdict.holds else "")

    async def resume(self) -> int:
        """Decide what an earlier process left undecided (how many), and know again what it took."""
        await self._resends.load()
        waiting = await self._store.find(Filter(rule=UNDECIDED, state=State.HELD, limit=MANY))
        for stored in waiting:
            raw = bytearray()
            async for chunk in self._store.body(stored.queue_id):
                raw += chunk
            session = Session("", stored.identity, "", listener="")
            letter = _Letter(
                stored.queue_id, stored.envelope, Spool(raw, stored.digest), session, Reading(Message(raw)),
                stored.received_at, stored.edits,
            )  # fmt: skip
            # failpoint: intake.resuming
            self._decide_late(asyncio.create_task(self._judge(letter)))
        return len(waiting)

    async def drain(self, seconds: float) -> None:
        """Give what is decided late this long to end; the rest stays held, and `resume` decides it at the start."""
        await self._late.end(seconds)

    def _refuse_loops(self, message: Message) -> None:
        received = message.raw_fields("received")
        own = sum(f"by {self._settings.hostname} (mailguard)".encode() in field for field in received)
        if len(received) > MAX_RECEIVED or own >= MAX_OWN_RECEIVED:
            raise PermanentFailure("this mail is going round in circles", code=554, enhanced="5.4.6")

    async def _judge(self, letter: "_Letter", *, asked: bool = False) -> NewMail:
        """The mail with its verdict. `asked`: a rule has wanted to know the past already."""
        if not asked:
            mail, asked = await self._aside(letter, None)
        if asked:
            try:
                past = await self._past(letter)
            except Exception as error:
                return self._failed(letter, error)
            mail, _ = await self._aside(letter, past)
        return mail

    async def _aside(self, letter: "_Letter", past: Past | None) -> tuple[NewMail, bool]:
        """As `_opinion`, in a thread when the mail is large."""
        if letter.small:
            return self._opinion(letter, past)
        return await asyncio.to_thread(self._opinion, letter, past)

    def _opinion(self, letter: "_Letter", past: Past | None) -> tuple[NewMail, bool]:
        """As `_decided`; whatever goes wrong on the way ends in a hold, never in a pass."""
        try:
            return self._decided(letter, self._rules(), self._people(), past)
        except Exception as error:
            return self._failed(letter, error), False

    def _failed(self, letter: "_Letter", error: Exception) -> NewMail:
        if not isinstance(error, CannotTell):
            self._log.failure("rules", error)
        return self._unreadable(letter, self._people(), error)

    async def _past(self, letter: "_Letter") -> Past:
        addresses = tuple(dict.fromkeys(map(address.key, letter.envelope.addresses)))
        sender = address.key(letter.session.identity.address)
        return await self._store.facts_for(sender, addresses, letter.message.references)

    def _decided(self, letter: "_Letter", rules: RuleSet, people: People, past: Past | None) -> tuple[NewMail, bool]:
        """The mail with its verdict, and whether a rule asked for the sender's past."""
        settings, identity = self._settings, letter.session.identity
        facts = gather(letter.reading, letter.envelope, identity, people, past, letter.now, settings.learn)
        troubles: list[tuple[str, Exception]] = []
        verdict = policy.evaluate(rules, facts, settings.holds, lambda *trouble: troubles.append(trouble))
        if past is not None or not facts.standing.asked:  # else every rule is asked again, with the past
            for rule, error in troubles:
                self._log.failure(f"rule {rule}", error)
        verdict = self._free(verdict, letter.now)
        info = tuple(AttachmentInfo(f.name, f.content_type, f.size) for f in facts.attachments if not f.inline)
        mail = self._new_mail(letter, people, verdict, facts.automatic, frozenset(facts.to + facts.cc), info)
        return mail, facts.standing.asked

    def _unreadable(self, letter: "_Letter", people: People, error: Exception) -> NewMail:
        """A mail we cannot read waits for a person; what can still be read of it is said."""
        why = f": {error}" if isinstance(error, CannotTell) else ""
        holds = self._settings.holds
        hold = Hold(
            UNREADABLE, f"mailguard could not read this mail{why}", HoldKind.ERROR,
            expires_at=letter.now + holds.expires,
            on_expiry=OnExpiry.RETURN if holds.on_expiry is OnExpiry.SEND else holds.on_expiry,
        )  # fmt: skip
        hit = Hit(UNREADABLE, Mode.ENFORCE, Action.HOLD, hold.reason) if self._aside_at(letter.now) else None
        verdict = Verdict(Action.HOLD, holds=(hold,), hits=(hit,) if hit else (), rules_hash=self._rules().hash)
        verdict = self._free(verdict, letter.now)
        return self._new_mail(letter, people, verdict, automatic=False, visible=_visible(letter), files=())

    def _free(self, verdict: Verdict, now: datetime) -> Verdict:
        return stand_aside(verdict) if self._aside_at(now) else verdict

    def _new_mail(
        self,
        letter: "_Letter",
        people: People,
        verdict: Verdict,
        automatic: bool,
        visible: frozenset[str],
        files: tuple[AttachmentInfo, ...],
    ) -> NewMail:
        settings, message, identity = self._settings, letter.message, letter.session.identity
        answers = people.answers_for(identity.address, settings.holds.fallback)
        if automatic and not people.service(identity.address):
            answers = settings.holds.fallback
        desired = Desired(
            letter.queue_id, letter.envelope, message, visible, automatic, identity.address, answers, people,
            self._destination, settings.notices, letter.now,
        )  # fmt: skip
        base = list(letter.edits) or edits(message, letter.session, settings.hostname, letter.queue_id, letter.now)
        arranged = arrange(desired, verdict, base)
        return NewMail(
            queue_id=letter.queue_id, envelope=letter.envelope, identity=identity, raw=letter.spool.raw,
            digest=letter.spool.digest, received_at=letter.now, edits=arranged.edits, deliveries=arranged.deliveries,
            verdict=verdict, message_id=message.message_id or f"<{letter.queue_id}@{settings.hostname}>",
            subject=message.subject, references=message.references, attachments=files, automatic=automatic,
            notices=arranged.notices, session_id=letter.session.id, answers=answers,
        )  # fmt: skip

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
            alert = NewNotice(NoticeKind.ALERT, self._settings.holds.fallback, data=data)
            await self._store.notify([alert], self._clock.now())
            self._wake()
        except Exception as error:
            self._log.failure("rule watch", error)

    async def _put(self, mail: NewMail, session: Session) -> NewMail:
        started = self._clock.monotonic()
        mail = self._stricter(self._watched(mail))
        await self._store.put(mail, self._clock.now())
        seconds = self._clock.monotonic() - started
        self._metrics.commit.observe(seconds)
        self._metrics.received.labels(session.listener).inc()
        self._log.accepted(mail, seconds)
        self._note(mail)
        self._wake()
        return mail

    def _note(self, mail: NewMail) -> None:
        for hit in mail.verdict.hits:
            self._metrics.matches.labels(hit.rule, hit.action.name.lower(), hit.mode.value).inc()
        self._log.evaluated(mail)

    async def _accept_undecided(self, letter: "_Letter", judging: "asyncio.Task[NewMail]") -> Accepted:
        """The budget is spent: keep it safe and held now, decide once afterwards."""
        hold = Hold(UNDECIDED, "mailguard is still checking this mail", HoldKind.UNDECIDED)
        verdict = Verdict(Action.HOLD, holds=(hold,), rules_hash=self._rules().hash)
        mail = self._new_mail(letter, self._people(), verdict, automatic=False, visible=_visible(letter), files=())
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


@dataclass(frozen=True, slots=True)
class _Letter:
    """A mail on its way through intake."""

    queue_id: str
    envelope: Envelope
    spool: Spool
    session: Session
    reading: Reading
    now: datetime
    edits: tuple[Edit, ...] = ()  # of a mail stored undecided by an earlier process

    @property
    def message(self) -> Message:
        return self.reading.message

    @property
    def small(self) -> bool:
        return len(self.spool.raw) <= INLINE and self.message.head_size <= INLINE_HEAD


def _visible(letter: _Letter) -> frozenset[str]:
    """Recipients the header names, as far as it can be read; none otherwise, so nobody's Bcc is shown."""
    try:
        to, cc, _ = split_recipients(letter.message, letter.envelope)
    except Exception:
        return frozenset()
    return frozenset(to + cc)


def _no_reject(mail: NewMail) -> NewMail:
    """After a 250 a reject comes too late: the mail goes back to its sender with the reason instead."""
    if mail.verdict.action is not Action.REJECT:
        return mail
    ended = tuple(
        replace(d, state=State.CANCELLED, due_at=None, reason=f"rejected by rule {mail.verdict.reject}")
        for d in mail.deliveries
    )
    notice = NewNotice(NoticeKind.RETURNED, mail.answers, mail.queue_id, data={"by": mail.verdict.reject})
    return replace(mail, deliveries=ended, notices=(notice,))
