"""Mail out: what is due is claimed, carried, settled; what nobody settled is given back."""

import heapq
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mailguard.errors import ClaimLost
from mailguard.locale import saying, sayings
from mailguard.records import (
    Claim,
    Delivery,
    Hold,
    HoldKind,
    Kind,
    NewMail,
    NewNotice,
    NoticeKind,
    Outcome,
    Result,
    State,
)
from mailguard.store.database import Database, Row
from mailguard.store.verbs import bodies, files_sent, habits, mails, order, past, sketches, threads, waits
from mailguard.store.verbs.codec import clean, dump, instant, micros

_CRASHES = 3  # attempts in a row without any outcome, then a mail is set aside
_ENDED = {Result.SENT: State.SENT, Result.FAILED: State.FAILED}


def claim(
    db: Database,
    worker: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    per_destination: int,
    skip: Mapping[str, int],
) -> list[Claim]:
    """As `Store.claim`."""
    return _take(db, worker, now, lease, _pick(db, micros(now), limit, per_destination, skip))


def claim_interrupted(db: Database, worker: str, now: datetime, lease: timedelta) -> list[Claim]:
    """As `Store.claim_interrupted`."""
    rows = db.run("interrupted", (micros(now),)).fetchall()
    return _take(db, worker, now, lease, [(row[0], row[1]) for row in rows if bodies.readable(db, row[0])])


def _take(db: Database, worker: str, now: datetime, lease: timedelta, picked: Sequence[tuple[int, str]]) -> list[Claim]:
    """Two statements a claim, and four to read all their mails."""
    at, until = micros(now), micros(db.lease_time(now) + lease)
    if not picked:
        return []
    last = int(db.run("next_fences", (len(picked),)).fetchone()[0])
    taken = []
    for fence, (number, place) in enumerate(picked, last - len(picked) + 1):
        due = {row[0]: row[1] for row in db.run("due_of", (number, place, at)).fetchall()}
        if due:  # else another node has them by now
            db.run("claim", (fence, worker, at, until, at, dump(list(due))))
            taken.append((number, place, fence, due))
    return _claims(db, taken, until)


def _pick(db: Database, at: int, limit: int, per_destination: int, skip: Mapping[str, int]) -> list[tuple[int, str]]:
    """(mail, destination) of the oldest due, as many as there is room for, fair over the destinations."""
    room = {row["destination"]: per_destination for row in db.run("due_destinations", (at,)).fetchall()}
    for place in skip.keys() & room.keys():
        room[place] -= skip[place]
    waiting = {place: _due(db, place, at) for place in [p for p in room if room[p] > 0][:limit]}
    picked: dict[tuple[int, str], None] = {}
    for _, place, number in heapq.merge(*waiting.values()):
        if (number, place) in picked or room[place] == 0:
            continue
        picked[number, place] = None
        room[place] -= 1
        if room[place] == 0:
            waiting[place].close()
        if len(picked) == limit:
            break
    for rest in waiting.values():
        rest.close()  # an open cursor would go on reading while its rows change
    return list(picked)


def _due(db: Database, place: str, at: int) -> Generator[tuple[int, str, int], None, None]:
    for row in db.each("due_at_destination", (place, at)):
        if bodies.readable(db, row[2]):
            yield row[0], row[1], row[2]


def _claims(db: Database, taken: Sequence[tuple[int, str, int, dict[int, int]]], until: int) -> list[Claim]:
    """`taken`: mail, destination, fence, and when each of its deliveries (by id) was due."""
    found = mails.load(db, {number for number, *_ in taken})
    small = dump([number for number, mail in found.items() if mail.size <= bodies.CHUNK])
    raw = {
        row["mail"]: bodies.seal_of(db, row).open_piece(0, row["data"])
        for row in db.run("first_chunks", {"mails": small})
    }
    return [
        Claim(
            mail=found[number],
            destination=place,
            deliveries=tuple(replace(d, due_at=instant(due[d.id])) for d in found[number].deliveries if d.id in due),
            fence=fence,
            lease_until=instant(until),
            raw=raw.get(number, None if found[number].size else b""),
        )
        for number, place, fence, due in taken
    ]


def renew(db: Database, claim: Claim, now: datetime, lease: timedelta) -> None:
    if not db.run("renew", (micros(db.lease_time(now) + lease), claim.mail.queue_id, claim.fence)).rowcount:
        raise ClaimLost(f"{claim.mail.queue_id}: another attempt has it")


def settle(
    db: Database, claim: Claim, outcomes: Mapping[int, Outcome], now: datetime, reports: Sequence[NewMail],
    *, as_sent: bool = False,
) -> None:  # fmt: skip
    """As `Store.settle`; the whole of it is undone when one delivery belongs to another attempt by now."""
    mine = {d.id: d for d in claim.deliveries}
    row = _row(db, claim)
    for number, outcome in outcomes.items():
        _write(db, number, claim.fence, outcome, now)
        _tell(db, row["id"], mine[number], outcome, now)
    # failpoint: store.settling
    gone = [mine[number] for number, outcome in outcomes.items() if outcome.result is Result.SENT]
    if row["on_hold"]:
        db.run("cover", {"mail": row["id"]}).fetchall()
        waits.close_idle(db, row["id"], now, "courier")
    if len(gone) < len(outcomes):
        order.let_follow(db, row["id"], now)  # one try is enough: who is greylisted does not hold up the conversation
    if gone and row["kind"] == Kind.MAIL:
        threads.sent(db, row["thread"], row["id"], gone, micros(now))
        if row["sketched"]:
            sketches.sent(db, row["thread"], row["id"], gone)
        if row["sender_key"] and not row["automatic"]:
            past.learn(db, row["id"], row["sender_key"], gone, micros(now))
            habits.sent(db, row["id"], gone, micros(now))
            files_sent.sent(db, row["id"], gone, micros(now))
    if as_sent:
        _tell_as_sent(db, row["id"], now)
    for report in reports:
        # failpoint: store.reporting
        mails.put(db, report, now)


def _tell_as_sent(db: Database, number: int, now: datetime) -> None:
    """When nothing of the mail waits any more: by a person, for of what rules take off their sender hears at once."""
    mail = mails.load(db, [number])[number]
    off = any(d.taken_off and not d.reason.startswith("dropped by ") for d in mail.deliveries)
    left = any(d.state is State.SENT for d in mail.deliveries)
    if off and left and mail.answers and all(d.state.final for d in mail.deliveries):
        mails.add_notices(
            db, [NewNotice(NoticeKind.AS_SENT, mail.answers, mail.queue_id)], now, {mail.queue_id: number}
        )


def _row(db: Database, claim: Claim) -> Row:
    if not db.alone:
        mails.lock(db, claim.mail.queue_id)
    row: Row | None = db.run("mail_of_claim", (claim.mail.queue_id,)).fetchone()
    if row is None:
        raise ClaimLost(f"{claim.mail.queue_id}: it is not kept any more")
    return row


def _write(db: Database, number: int, fence: int, outcome: Outcome, now: datetime) -> None:
    at, reply = micros(now), clean(sayings.pack(outcome.reply.said))
    if outcome.result is Result.DEFERRED:
        due = micros(outcome.due_at or now)
        asked = {"due": due, "now": at, "reply": reply, "id": number, "fence": fence}
        changed = db.run("defer", asked).rowcount
    else:
        changed = db.run("end", (_ENDED[outcome.result], at, reply, number, fence)).rowcount
    if not changed:
        raise ClaimLost(f"delivery {number}: another attempt has it")


def _tell(db: Database, mail: int, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    reply = outcome.reply
    data = {
        "address": delivery.address,
        "attempt": delivery.attempts,
        "smtp_code": reply.code,
        "enhanced_code": reply.enhanced,
        "reply": reply.text,
        "remote": reply.remote,
    }
    kind = "delivery.ambiguous" if outcome.ambiguous else f"delivery.{outcome.result}"
    mails.event(db, mail, now, kind, "courier", data)


def quarantine(db: Database, claim: Claim, hold: Hold, now: datetime) -> None:
    """Set a claimed mail aside, with whatever of it still waits, and say so to whoever answers for it."""
    row = _row(db, claim)
    if not db.run("set_aside", {"now": micros(now), "mail": row["id"], "fence": claim.fence}).rowcount:
        raise ClaimLost(f"{claim.mail.queue_id}: another attempt has it")
    _hold_back(db, row["id"], hold, now)
    order.let_follow(db, row["id"], now)


def _hold_back(db: Database, number: int, hold: Hold, now: datetime) -> None:
    mails.hold(db, number, hold, now)
    if hold.kind in mails.TIMELESS:
        db.run("freeze", (number,))
    db.run("cover", {"mail": number}).fetchall()
    waits.close_idle(db, number, now, "courier")
    db.run("revise", (number,))
    queue_id, answers = db.run("one_id", (number,)).fetchone()
    held = waits.standing(db, number).waiting  # not when it was taken back while this attempt ran
    if held and answers:
        notice = NewNotice(NoticeKind.HELD, answers, queue_id, data={"reason": hold.reason})
        mails.add_notices(db, [notice], now, {queue_id: number})
    kind = "message.damaged" if hold.kind is HoldKind.DAMAGED else "message.held"
    if held or hold.kind is HoldKind.DAMAGED:
        mails.event(db, number, now, kind, "courier", {"reason": hold.reason, "kind": hold.kind})


def reclaim(db: Database, now: datetime, *, everything: bool) -> int:
    """As `Store.reclaim`. What ended three times without an outcome is set aside as POISON.

    A lease that ran out is the fault of what had it. When the process ended, everything on the wire was interrupted:
    only what was alone there has to answer for it.
    """
    at = micros(now)
    if everything:
        db.run("notices_back", (at,))
        db.run("journals_back", (at,))
    lost = {"now": micros(db.lease_time(now))}
    overdue = (db.run("left_behind", lost) if everything else db.run("overdue", lost)).fetchall()
    alone = not everything or len({row["mail"] for row in overdue}) == 1
    poison: set[int] = set()
    for row in overdue:
        (crashes,) = db.run("overdue_back", {"now": at, "alone": alone, "id": row["id"]}).fetchall()[0]
        mails.event(db, row["mail"], now, "delivery.interrupted", "timer", {"times": crashes})
        if crashes >= _CRASHES:
            poison.add(row["mail"])
    # failpoint: store.recovering
    for number in {row["mail"] for row in overdue}:
        db.run("cover", {"mail": number}).fetchall()
        waits.close_idle(db, number, now, "timer")
    for number in poison:
        reason = saying("Carrying it ended three times without a result")
        db.run("uncrash", (number,))
        _hold_back(db, number, Hold(rule="", reason=reason, kind=HoldKind.POISON), now)
    return len(overdue)
