"""What time does to a hold that nobody answers: a reminder, others who are asked, then what its rule says."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from mailguard.mail.address import key
from mailguard.records import Hold, Mail, NewNotice, NoticeKind, OnExpiry, Power
from mailguard.store.base import Expiry
from mailguard.store.database import Database, Row
from mailguard.store.verbs import bodies, mails, waits
from mailguard.store.verbs.codec import dump, micros

_SAFER = (OnExpiry.RETURN, OnExpiry.DISCARD, OnExpiry.SEND)
_TIMER = "timer"


def expire(db: Database, now: datetime) -> list[Expiry]:
    """As `Store.expire`, up to 200 mails at once; what is left is still due."""
    if not db.run("hold_due", {"now": micros(now)}).fetchone()[0]:  # as nearly always: this is asked at every claim
        return []
    numbers = [row["mail"] for row in _readable(db, db.run("expired_mails", {"now": micros(now)}).fetchall())]
    found = mails.load(db, numbers)
    ended = [expiry for number in numbers for expiry in _end(db, number, found[number], now)]
    return ended + _escalate(db, now) + _remind(db, now)


def _readable(db: Database, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if bodies.readable(db, row["mail"])]


def _end(db: Database, number: int, mail: Mail, now: datetime) -> list[Expiry]:
    """The earliest expiry acts for the mail, and of several outcomes the safest is taken."""
    timed = [hold for hold in mail.open_holds if hold.expires_at is not None]
    over = [hold for hold in timed if hold.expires_at is not None and hold.expires_at <= now]
    if not over:  # answered meanwhile
        return []
    outcome = _outcome(db, number, timed)
    for hold in over:
        db.run("resolve", (_TIMER, micros(now), hold.id))
        mails.event(db, number, now, "hold.expired", _TIMER, {"rule": hold.rule, "outcome": outcome})
    if outcome is OnExpiry.SEND:
        waits.release(db, number, now)
    else:
        # A hold on some copies ends only these.
        scope = frozenset[str]().union(*(h.scope for h in over)) if all(h.scope for h in over) else ()
        waits.call_off(db, number, now, "expired", _TIMER, scope)
    # failpoint: store.expiring
    db.run("revise", (number,))
    if mail.answers:
        data = {"outcome": str(outcome), "rule": over[0].rule, "reason": over[0].reason}
        notice = NewNotice(NoticeKind.EXPIRED, mail.answers, mail.queue_id, data=data)
        mails.add_notices(db, [notice], now, {mail.queue_id: number})
    return [Expiry(mail.queue_id, hold.rule, outcome) for hold in over]


def _outcome(db: Database, number: int, holds: Sequence[Hold]) -> OnExpiry:
    """Nothing is thrown away behind the back of somebody who was never told that it is held."""
    outcome = min((hold.on_expiry for hold in holds), key=_SAFER.index)
    if outcome is OnExpiry.DISCARD and db.run("notice_not_sent", (number,)).fetchone()[0]:
        return OnExpiry.RETURN
    return outcome


def _escalate(db: Database, now: datetime) -> list[Expiry]:
    """Those asked first have not answered: others are asked as well, and as many as before are needed."""
    rows = _readable(db, db.run("to_escalate", {"now": micros(now)}).fetchall())
    found = mails.load(db, {row["mail"] for row in rows})
    done = []
    for row in rows:
        mail = found[row["mail"]]
        (hold,) = [hold for hold in mail.holds if hold.id == row["id"]]
        asked = {key(person) for person in hold.approvers}
        fresh = [person for person in hold.escalate_to if key(person) not in asked]
        db.run("escalate", (dump((*hold.approvers, *fresh)), hold.id))
        data = {"rule": hold.rule, "reason": hold.reason, "escalated": "yes"}
        notices = [NewNotice(NoticeKind.APPROVAL, one, mail.queue_id, Power.APPROVER, data=data) for one in fresh]
        mails.add_notices(db, notices, now, {mail.queue_id: row["mail"]})
        mails.event(db, row["mail"], now, "hold.escalated", _TIMER, {"rule": hold.rule, "to": ", ".join(fresh)})
        db.run("revise", (row["mail"],))
        done.append(Expiry(mail.queue_id, hold.rule, "escalated"))
    return done


def _remind(db: Database, now: datetime) -> list[Expiry]:
    rows = _readable(db, db.run("to_remind", {"now": micros(now)}).fetchall())
    found = mails.load(db, {row["mail"] for row in rows})
    told: set[tuple[str, str]] = set()
    done = []
    for row in rows:
        mail = found[row["mail"]]
        (hold,) = [hold for hold in mail.holds if hold.id == row["id"]]
        db.run("reminded", (hold.id,))
        notices = [n for n in _reminders(mail, hold) if (n.queue_id, key(n.person)) not in told]
        told |= {(n.queue_id, key(n.person)) for n in notices}
        mails.add_notices(db, notices, now, {mail.queue_id: row["mail"]})
        mails.event(db, row["mail"], now, "hold.reminded", _TIMER, {"rule": hold.rule})
        done.append(Expiry(mail.queue_id, hold.rule, "reminded"))
    return done


def _reminders(mail: Mail, hold: Hold) -> Iterator[NewNotice]:
    """To those whose answer is missing."""
    data = {"rule": hold.rule, "reason": hold.reason}
    if not hold.approvers and mail.answers:
        yield NewNotice(NoticeKind.REMINDER, mail.answers, mail.queue_id, data=data)
    for person in hold.approvers:
        if key(person) not in hold.approved_by:
            yield NewNotice(NoticeKind.REMINDER, person, mail.queue_id, power=Power.APPROVER, data=data)
