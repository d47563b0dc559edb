"""One mail that a connector brings in several transactions is one mail: the others join the first (decision 41)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from weakref import WeakValueDictionary

from mailguard.clock import Clock
from mailguard.errors import MailChanged, TemporaryFailure
from mailguard.intake.judge import Judge
from mailguard.intake.letter import Letter
from mailguard.intake.loops import rounds
from mailguard.mail.address import key
from mailguard.mail.envelope import Proof
from mailguard.mail.headers import Splice
from mailguard.mail.likeness import likeness
from mailguard.mail.reading import Reading
from mailguard.records import (
    GATHER,
    LATE_FORK,
    Action,
    Decision,
    Ending,
    Hit,
    Hold,
    Mail,
    NewMail,
    NoticeKind,
    Spool,
    State,
    Verdict,
)
from mailguard.store.base import Store
from mailguard.tasks import in_thread

TRIES = 20  # to join a mail that others change at the same time


async def forked(letter: Letter, mail: NewMail) -> NewMail:
    """The mail with what its forks have in common, waiting a moment for those that are missing."""
    sign = await _sign(letter)
    return gathering(letter, replace(mail, fork=sign)) if sign else mail


def gathering(letter: Letter, mail: NewMail) -> NewMail:
    """What would leave at once waits when its header names somebody who has not passed: another fork may bring them,
    and a decision about all of them with it.
    """
    if letter.named <= set(letter.addresses):
        return mail
    until = letter.now + GATHER
    waiting = (
        replace(d, due_at=max(d.due_at or until, until)) if d.state is State.QUEUED else d for d in mail.deliveries
    )
    return replace(mail, deliveries=tuple(waiting))


async def _sign(letter: Letter) -> bytes:
    """Empty when it can have no forks."""
    if letter.session.identity.proof is not Proof.CONNECTOR or not (letter.sender and letter.message.message_id):
        return b""
    if rounds(letter.message):  # what left here and comes back looks like a fork of what left, and is none
        return b""
    seen = likeness(letter.message) if letter.small else await in_thread(likeness, letter.message)
    names = f"{letter.sender}\0{letter.message.message_id}\0".encode("utf-8", "surrogatepass")
    return sha256(names + seen).digest()


class Forks:
    """Judges a fork together with what came before it."""

    def __init__(
        self, store: Store, judge: Judge, clock: Clock, budget: timedelta, stricter: Callable[[NewMail], NewMail],
        late: Callable[[NewMail], NewMail],
    ) -> None:  # fmt: skip
        """`budget` is for each verdict; `late` makes of a reject what it is after a 250."""
        self._store, self._judge, self._clock, self._budget = store, judge, clock, budget
        self._stricter, self._late = stricter, late
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by queue id

    async def join(self, letter: Letter, queue_id: str) -> Decision | NewMail:
        """As `Store.join` with the mail that came first. Where that is too late: the fork as a mail by itself."""
        turn = self._turns.setdefault(queue_id, asyncio.Lock())
        async with turn:  # one after the other: what one adds would make the others' verdicts void
            return await self._join(letter, queue_id)

    async def _join(self, letter: Letter, queue_id: str) -> Decision | NewMail:
        for _ in range(TRIES):
            first = await self._store.get(queue_id)
            if first is None:
                return Decision(Ending.UNKNOWN)
            both = _together(letter, first)
            verdict = await self._judged(both)
            if any(isinstance(edit, Splice) for edit in verdict.verdict.edits):
                verdict = await self._judged(await self._as_it_leaves(both, first))
            mail = gathering(both, _as_answered(self._late(verdict), first))
            mail = self._stricter(mail)
            try:
                decision = await self._store.join(
                    mail, letter.envelope, letter.spool.digest, self._clock.now(), revision=first.revision
                )
            except MailChanged:
                continue
            return await self._alone(letter, first) if decision.ending is Ending.TOO_LATE else decision
        raise TemporaryFailure("the mail that this belongs to changes all the time: try again later")

    async def _as_it_leaves(self, both: Letter, first: Mail) -> Letter:
        """With the first one's bytes: a place in the body is another in each fork, whose headers differ in length."""
        raw = b"".join([chunk async for chunk in self._store.body(first.queue_id)])
        if len(raw) != first.size:
            raise TemporaryFailure("the mail that this belongs to can't be read: try again later")
        spool = Spool(bytearray(raw), first.digest)
        return replace(both, spool=spool, reading=Reading(spool.message))

    async def _alone(self, letter: Letter, first: Mail) -> NewMail:
        """Judged with those who have got it, and for the others alone; it says where they have it from."""
        both = replace(_together(letter, first), queue_id=letter.queue_id, now=letter.now, edits=())
        mail = _as_answered(await self._judged(both), first)
        there = {key(d.address) for d in first.deliveries}
        verdict = replace(mail.verdict, tags=(*mail.verdict.tags, LATE_FORK))
        deliveries = tuple(d for d in mail.deliveries if key(d.address) not in there)
        new = tuple(one for one in letter.envelope.recipients if key(one.address) not in there)
        envelope = replace(letter.envelope, recipients=new)  # every recipient of an envelope has a delivery
        return replace(mail, envelope=envelope, deliveries=deliveries, verdict=verdict, fork_of=first.queue_id)

    async def _judged(self, letter: Letter) -> NewMail:
        """Held for a person when nobody knows in time what the rules say."""
        try:
            return await asyncio.wait_for(self._judge.mail(letter), self._budget.total_seconds())
        except TimeoutError:
            return self._judge.late(letter)


def _together(letter: Letter, first: Mail) -> Letter:
    """The first, as if this fork's recipients had been on its envelope."""
    kept = {
        key(d.address): d.recipient for d in first.deliveries if not d.added and d.state is not State.CANCELLED
    }  # fmt: skip
    new = tuple(one for one in letter.envelope.recipients if key(one.address) not in kept)
    sender = first.envelope.sender or letter.envelope.sender  # `<>` of one makes no program's mail of all
    envelope = replace(letter.envelope, sender=sender, recipients=(*kept.values(), *new))
    return replace(letter, queue_id=first.queue_id, envelope=envelope, now=first.received_at, edits=first.edits)


def _as_answered(mail: NewMail, first: Mail) -> NewMail:
    """Without the holds that its sender let go already, when they say nothing of anybody new."""
    let_go = {hold.rule for hold in first.holds if not hold.approvers} - {hold.rule for hold in first.open_holds}
    holds = tuple(hold for hold in mail.verdict.holds if hold.rule not in let_go or _new(hold, mail.verdict, first))
    if len(holds) == len(mail.verdict.holds):
        return mail
    asked = (NoticeKind.HELD, NoticeKind.APPROVAL)
    notices = mail.notices if holds else tuple(one for one in mail.notices if one.kind not in asked)
    action = mail.verdict.action if holds else Action.PASS
    return replace(mail, verdict=replace(mail.verdict, holds=holds, action=action), notices=notices)


def _new(hold: Hold, verdict: Verdict, first: Mail) -> bool:
    """Whether the rule is about somebody it was not about when it was answered."""
    return not _about(hold.rule, verdict.hits) <= _about(hold.rule, first.hits)


def _about(rule: str, hits: tuple[Hit, ...]) -> frozenset[str]:
    return frozenset[str]().union(*(hit.recipients for hit in hits if hit.rule == rule))
