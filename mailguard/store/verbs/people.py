"""What people do to a mail that waits: compare-and-set, one winner, and the losers hear when it happened."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from mailguard.errors import MailChanged
from mailguard.locale import sayings
from mailguard.mail.address import key
from mailguard.mail.headers import Drop, Edit
from mailguard.records import Actor, Decision, Ending, Hold, HoldKind, NewMail, NewNotice
from mailguard.store.database import Database
from mailguard.store.verbs import mails, order, waits
from mailguard.store.verbs.codec import dump, dump_set, micros

_UNKNOWN = Decision(Ending.UNKNOWN)


def _done(db: Database, number: int, now: datetime, changed: Sequence[int], notices: Sequence[NewNotice]) -> Decision:
    # failpoint: store.people
    db.run("revise", (number,))
    mails.add_notices(db, notices, now)
    return Decision(Ending.DONE, changed=tuple(changed), remaining=tuple(waits.open_holds(db, number)))


def _tell(db: Database, number: int, now: datetime, kind: str, by: Actor, data: Mapping[str, object]) -> None:
    """With what the person saw: the mail's revision and version, and by which rules it was decided."""
    saw = dict(db.run("seen", (number,)).fetchone())
    mails.event(db, number, now, kind, by, {**data, **saw})


def send_now(
    db: Database, queue_id: str, by: Actor, now: datetime, scope: Collection[str], notices: Sequence[NewNotice],
    said: str = "", revision: int | None = None,
) -> Decision:  # fmt: skip
    number = mails.lock(db, queue_id)
    if number is None:
        return _UNKNOWN
    at = waits.standing(db, number, scope)
    if not at.waiting:
        return at.gone()
    _same(db, number, revision)
    held = waits.open_holds(db, number)
    mine = [hold for hold in held if _senders(hold) and _within(hold, scope)]
    waits.resolve(db, number, mine, by, now)
    changed = waits.release(db, number, now) if mine else []
    # Only delayed: the client's own time is dropped too. After a hold it stays.
    due = waits.client_due(db, number, now) if held else micros(now)
    asked = {"mail": number, "due": due, "now": micros(now), "scope": dump_set(scope)}
    changed += [row["id"] for row in db.run("hasten", asked).fetchall()]
    changed += [one for one in order.overtake(db, number, now, scope) if one not in changed]
    if not changed and not mine:
        return Decision(Ending.ALREADY, at=_freed(db, number), remaining=tuple(held))
    _tell(db, number, now, "message.sent_now", by, {"scope": ",".join(sorted(scope)), "said": said})
    return _done(db, number, now, changed, notices)


def _same(db: Database, number: int, revision: int | None) -> None:
    """Nobody lets go what they have not seen: what others do between a look and its press makes it another mail."""
    if revision is not None and db.run("seen", (number,)).fetchone()["revision"] != revision:
        raise MailChanged


def _senders(hold: Hold) -> bool:
    """Whether the sender's word is enough for this hold."""
    return not hold.approvers and hold.kind not in mails.TIMELESS


def _within(hold: Hold, scope: Collection[str]) -> bool:
    """Who may speak for some copies only answers the holds on nothing but these."""
    return not scope or (bool(hold.scope) and hold.scope <= set(scope))


def _freed(db: Database, number: int) -> datetime | None:
    """When an earlier press let the mail go."""
    found = mails.load(db, [number])[number]
    return max((d.released_at for d in found.deliveries if d.released_at), default=None)


def approve(
    db: Database,
    queue_id: str,
    by: Actor,
    person: str,
    now: datetime,
    notices: Sequence[NewNotice],
    anyones: bool = False,
    said: str = "",
    revision: int | None = None,
) -> Decision:
    number = mails.lock(db, queue_id)
    if number is None:
        return _UNKNOWN
    at, who = waits.standing(db, number), key(person)
    asked = [
        hold for hold in mails.load_holds(db, number)
        if hold.approvers and (anyones or who in {key(a) for a in hold.approvers})
    ]  # fmt: skip
    if not asked:
        return _UNKNOWN
    fresh = [hold for hold in asked if hold.open and who not in hold.approved_by]
    if not fresh or not at.waiting:
        return _approved_before(at, asked, waits.open_holds(db, number))
    _same(db, number, revision)
    enough = []
    for hold in fresh:
        approved = (*hold.approved_by, who)
        db.run("approved", (dump(approved), hold.id))
        _tell(db, number, now, "hold.approved", by, {"rule": hold.rule, "person": person, "said": said})
        enough += [hold] if len(approved) >= hold.needed else []
    waits.resolve(db, number, enough, by, now)
    changed = waits.release(db, number, now) if enough else []
    if changed:
        order.overtake(db, number, now)
    return _done(db, number, now, changed, notices)


def _approved_before(at: waits.Standing, asked: Sequence[Hold], left: Sequence[Hold]) -> Decision:
    if not at.waiting:
        return at.gone()
    resolved = max((hold.resolved_at for hold in asked if hold.resolved_at), default=None)
    return Decision(Ending.ALREADY, at=resolved, remaining=tuple(left))


def stop(db: Database, queue_id: str, by: Actor, hold: Hold, now: datetime, notices: Sequence[NewNotice]) -> Decision:
    number = waits.lock(db, queue_id, hold.scope)
    if isinstance(number, Decision):
        return number
    held = waits.open_holds(db, number)
    if any(h.kind is HoldKind.STOPPED and (not h.scope or (hold.scope and hold.scope <= h.scope)) for h in held):
        return Decision(Ending.ALREADY, remaining=tuple(held))
    frozen = any(h.kind in mails.TIMELESS for h in held)
    mails.hold(db, number, hold, now, frozen=frozen)
    rows = db.run("hold_back", {"mail": number, "scope": dump_set(hold.scope)}).fetchall()
    _tell(db, number, now, "message.stopped", by, {"scope": ",".join(sorted(hold.scope))})
    return _done(db, number, now, [row["id"] for row in rows], notices)


def cancel(
    db: Database, queue_id: str, by: Actor, now: datetime, reason: str, notices: Sequence[NewNotice]
) -> Decision:
    number = waits.lock(db, queue_id)
    if isinstance(number, Decision):
        return number
    ended = waits.call_off(db, number, now, reason, by)
    _tell(db, number, now, "message.cancelled", by, {"reason": reason})
    return _done(db, number, now, [one for one, _ in ended], notices)


def drop(
    db: Database,
    queue_id: str,
    addresses: Collection[str],
    by: Actor,
    now: datetime,
    edit_headers: bool,
    if_last: Sequence[NewNotice],
) -> Decision:
    if not addresses:
        return _UNKNOWN
    number = waits.lock(db, queue_id, addresses)
    if isinstance(number, Decision):
        return number
    ended = waits.call_off(db, number, now, "dropped", by, addresses)
    for _, address in ended:
        _tell(db, number, now, "recipient.dropped", by, {"address": address})
    if not waits.standing(db, number).waiting:
        _tell(db, number, now, "message.cancelled", by, {"reason": "every recipient was dropped"})
        return _done(db, number, now, [one for one, _ in ended], if_last)
    scope = dump_set(key(address) for _, address in ended)
    db.run("thread_take_off", {"mail": number, "now": micros(now), "scope": scope})
    if edit_headers:
        mails.add_edits(db, number, [Drop(address) for _, address in ended], by, now)
    return _done(db, number, now, [one for one, _ in ended], [])


def hide(
    db: Database, queue_id: str, addresses: Collection[str], by: Actor, now: datetime, edits: Sequence[Edit]
) -> Decision:
    if not addresses:
        return _UNKNOWN
    number = waits.lock(db, queue_id, addresses)
    if isinstance(number, Decision):
        return number
    rows = db.run("hide", {"mail": number, "scope": dump_set(addresses)}).fetchall()
    if not rows:
        return Decision(Ending.ALREADY, remaining=tuple(waits.open_holds(db, number)))
    for row in rows:
        _tell(db, number, now, "recipient.hidden", by, {"address": row["address"]})
    db.run("thread_hide", {"mail": number, "scope": dump_set(key(row["address"]) for row in rows)})
    mails.add_edits(db, number, edits, by, now)
    return _done(db, number, now, [row["id"] for row in rows], [])


def note(
    db: Database, queue_id: str, event: str, by: Actor, now: datetime, data: Mapping[str, str],
    notices: Sequence[NewNotice],
) -> Decision:  # fmt: skip
    """The mail's revision stays: no page of it is out of date."""
    number = mails.lock(db, queue_id)
    if number is None:
        return _UNKNOWN
    mails.event(db, number, now, event, by, data)
    mails.add_notices(db, notices, now)
    return Decision(Ending.DONE, remaining=tuple(waits.open_holds(db, number)))


def extend(db: Database, queue_id: str, by: Actor, until: datetime, now: datetime) -> Decision:
    number = waits.lock(db, queue_id)
    if isinstance(number, Decision):
        return number
    asked = {"mail": number, "until": micros(until), "now": micros(now)}
    if not db.run("extend", asked).rowcount:
        return Decision(Ending.ALREADY, remaining=tuple(waits.open_holds(db, number)))
    _tell(db, number, now, "hold.extended", by, {"until": until.isoformat()})
    return _done(db, number, now, [], [])


def requeue(db: Database, queue_id: str, by: Actor, now: datetime) -> Decision:
    """Delays that have not run out stay: this is for what the network refused, and for what was set aside."""
    number = mails.lock(db, queue_id)
    if number is None:
        return _UNKNOWN
    at = waits.standing(db, number)
    if not at.waiting:
        return at.gone()
    poison = [hold for hold in waits.open_holds(db, number) if hold.kind is HoldKind.POISON]
    waits.resolve(db, number, poison, by, now)
    changed = waits.release(db, number, now) if poison else []
    rows = db.run("retry", {"mail": number, "now": micros(now)}).fetchall()
    changed += [row["id"] for row in rows if row["id"] not in changed]
    if not changed and not poison:
        return Decision(Ending.ALREADY, remaining=tuple(waits.open_holds(db, number)))
    _tell(db, number, now, "message.requeued", by, {})
    return _done(db, number, now, changed, [])


def bounce(
    db: Database, queue_id: str, failed: Collection[int], reply: str, by: Actor, now: datetime,
    reports: Sequence[NewMail],
) -> Decision:  # fmt: skip
    """As `Store.bounce`: the reports speak of just these copies, so another set of them changes nothing."""
    number = waits.lock(db, queue_id)
    if isinstance(number, Decision):
        return number
    found = mails.load(db, [number])[number]
    if {d.id for d in found.deliveries if d.state.waiting} != set(failed):
        return Decision(Ending.TOO_LATE, at=waits.standing(db, number).left_at)
    db.run("give_up", {"mail": number, "now": micros(now), "reply": sayings.pack(reply)})
    waits.close_idle(db, number, now, by)
    _tell(db, number, now, "message.bounced", by, {"reply": reply})
    for report in reports:
        mails.put(db, report, now)
    return _done(db, number, now, list(failed), [])
