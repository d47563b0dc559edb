"""How the forks of a mail that a connector brings in several transactions join the first of them (decision 41)."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from mailguard.errors import MailChanged
from mailguard.mail.address import key
from mailguard.mail.envelope import Envelope
from mailguard.mail.headers import Edit, Replace, Splice, without_splices
from mailguard.records import (
    GATHER,
    Action,
    Actor,
    Decision,
    Delivery,
    Ending,
    Hold,
    Mail,
    NewMail,
    NewNotice,
    NoticeKind,
    State,
)
from mailguard.store.database import Database
from mailguard.store.verbs import habits, mails, order, people, swapping, threads, waits
from mailguard.store.verbs.codec import dump_set, micros

_ASIDE = frozenset({"dropped", "replaced"})  # reasons that end one copy, and say nothing of the mail


def join(db: Database, mail: NewMail, envelope: Envelope, digest: bytes, revision: int, now: datetime) -> Decision:
    """As `Store.join`."""
    number = mails.lock(db, mail.queue_id)
    if number is None or not db.run("count_fork", (number,)).rowcount:
        return Decision(Ending.UNKNOWN)
    found = mails.load(db, [number])[number]
    there = {key(d.address) for d in found.deliveries}
    wanted = {key(one) for one in envelope.addresses}
    if wanted <= there:
        mails.add_envelope(db, number, replace(mail, envelope=envelope, received_at=now), digest)
        return Decision(Ending.DONE, remaining=found.open_holds)
    stopped = _stopped(found)
    if not stopped and not _waits(found):
        return Decision(Ending.TOO_LATE)
    if found.revision != revision:
        raise MailChanged
    fresh = [d for d in mail.deliveries if key(d.address) not in there and (not stopped or key(d.address) in wanted)]
    mails.add_envelope(db, number, replace(mail, envelope=envelope, received_at=now), digest)
    asked = {"sender": envelope.sender, "smtputf8": envelope.smtputf8, "eightbit": envelope.eightbit, "mail": number}
    db.run("widen_envelope", asked)
    if stopped:
        mails.add_deliveries(db, number, fresh, (), now)
        waits.call_off(db, number, now, stopped, "rules", [key(d.address) for d in fresh])
        return _joined(db, number, fresh, now, Ending.ALREADY)
    _judge(db, number, found, mail, fresh, now)
    return _joined(db, number, fresh, now, Ending.DONE)


def take_back(db: Database, queue_id: str, by: Actor, now: datetime, reason: str) -> None:
    """Cancel a mail whose client was never told of it, unless another fork of it was told since."""
    number = mails.lock(db, queue_id)
    row = None if number is None else db.run("forks", (number,)).fetchone()
    if row is None or row[0] == 1:
        db.run("forget_fork", (number,))
        people.cancel(db, queue_id, by, now, reason, ())


def _waits(found: Mail) -> bool:
    """Whether others can join it: it waits, and what it is about is known."""
    timeless = any(hold.kind in mails.TIMELESS for hold in found.open_holds)
    return not timeless and any(d.state.waiting for d in found.deliveries if not d.added)


def _stopped(found: Mail) -> str:
    """Why the mail as a whole was taken back; '' when it was not."""
    own = [d for d in found.deliveries if not d.added]
    if any(d.state.waiting for d in own):
        return ""
    ended = [d.reason for d in own if d.state is State.CANCELLED and not d.reason.startswith("dropped by ")]
    if len(ended) < len(own):
        ended = [reason for reason in ended if reason not in _ASIDE]
    return ended[0] or "cancelled" if ended else ""


def _judge(db: Database, number: int, found: Mail, mail: NewMail, fresh: list[Delivery], now: datetime) -> None:
    """A version with the new recipients. Nothing that waits leaves by it: the verdict's holds come on top."""
    holds = list(_holds(found, mail.verdict.holds, [key(d.address) for d in fresh]))
    mails.add_holds(db, number, holds, now)
    for hold in found.open_holds:
        if hold.by_mail and any(hold.covers(key(d.address)) for d in fresh):
            db.run("only_page", (hold.id,))
    mails.add_deliveries(db, number, fresh, waits.open_holds(db, number), now)
    for hold in holds:
        db.run("hold_back", {"mail": number, "scope": dump_set(hold.scope)}).fetchall()
        mails.event(db, number, now, "message.held", hold.rule or hold.kind, {"reason": hold.reason, "kind": hold.kind})
    swapping.version(db, number, found, mail, _edits(found, mail), now)
    habits.add(db, number, mail)
    threads.join(db, number, fresh)
    (thread,) = db.run("thread_of", (number,)).fetchone()
    threads.mark(db, thread, mail)
    order.line_up(db, number, thread, key(mail.identity.address))
    _end(db, number, mail, fresh, now)
    _gathered(db, number, found, mail, now)
    db.make_findable(number, anew=True)
    mails.add_notices(db, _untold(db, number, found, mail.notices, holds), now, {mail.queue_id: number})


def _edits(found: Mail, mail: NewMail) -> list[Edit]:
    """Those that are there and what the verdict adds; what it puts into the body replaces what was put there."""
    body = [edit for edit in mail.verdict.edits if isinstance(edit, Splice | Replace)]
    kept = without_splices(found.edits) if body else list(found.edits)
    return [*kept, *(edit for edit in without_splices(mail.edits) if edit not in kept), *body]


def _holds(found: Mail, holds: Iterable[Hold], fresh: Collection[str]) -> Iterator[Hold]:
    """Those that are not there. What was answered, if only by one of two, is asked again for the new copies alone."""
    known = {hold.rule for hold in found.holds}
    for hold in holds:
        same = [one for one in found.open_holds if one.rule == hold.rule and not one.approved_by]
        left = frozenset(k for k in fresh if hold.covers(k) and not any(one.covers(k) for one in same))
        if hold.rule not in known:
            yield hold
        elif left:
            yield replace(hold, scope=left, by_mail=False)  # whoever answered once may answer that notice again


def _gathered(db: Database, number: int, found: Mail, mail: NewMail, now: datetime) -> None:
    """What waited only for others of its kind to come leaves, once nobody is missing."""
    free = {key(d.address) for d in mail.deliveries if d.state is State.QUEUED and (d.due_at or now) <= now}
    end = found.received_at + GATHER
    waiting = {key(d.address) for d in found.deliveries if d.due_at and d.due_at <= end and not d.attempts}
    if free & waiting:
        asked = {"mail": number, "due": micros(now), "now": micros(now), "scope": dump_set(free & waiting)}
        db.run("hasten", asked).fetchall()


def _end(db: Database, number: int, mail: NewMail, fresh: Sequence[Delivery], now: datetime) -> None:
    """Whom the verdict takes off; and a reject after the first 250 sends nothing to nobody."""
    if mail.verdict.action is Action.REJECT:
        reason = f"rejected by rule {mail.verdict.reject}"
        waits.call_off(db, number, now, reason, "rules")
        mails.event(db, number, now, "message.cancelled", "rules", {"reason": reason})
        return
    for d in fresh:
        if d.state is State.CANCELLED:
            waits.call_off(db, number, now, d.reason, "rules", [key(d.address)])
            mails.event(db, number, now, "recipient.dropped", "rules", {"address": d.address, "reason": d.reason})


def _untold(
    db: Database, number: int, found: Mail, notices: Iterable[NewNotice], holds: Sequence[Hold]
) -> list[NewNotice]:
    """One mail, one notice: only who is asked something new hears again."""
    told = {(row["kind"], row["person_key"]) for row in db.run("told_of", (number,))}
    asked = {key(who) for hold in holds for who in hold.approvers}
    asked -= {key(who) for hold in found.open_holds for who in hold.approvers if key(who) not in hold.approved_by}

    def new(one: NewNotice) -> bool:
        if one.kind is NoticeKind.HELD:
            return bool(holds) and not found.open_holds
        if one.kind is NoticeKind.APPROVAL:
            return key(one.person) in asked
        if one.kind is NoticeKind.DELAYED and found.open_holds:
            return False
        return (one.kind, key(one.person)) not in told

    return [one for one in notices if new(one)]


def _joined(db: Database, number: int, fresh: Sequence[Delivery], now: datetime, ending: Ending) -> Decision:
    kind = "fork.joined" if ending is Ending.DONE else "fork.stopped"
    data = {"recipients": " ".join(d.address for d in fresh if not d.added)}
    mails.event(db, number, now, kind, "connector", data)
    db.run("revise", (number,))
    return Decision(ending, remaining=tuple(waits.open_holds(db, number)))
