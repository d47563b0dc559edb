"""Another recipient in the place of one who still waits: a new version of the mail, with what the rules say of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mailguard.mail.address import key
from mailguard.mail.headers import Edit
from mailguard.records import (
    Actor,
    Decision,
    Delivery,
    Ending,
    Hit,
    Hold,
    Mail,
    Mode,
    NewMail,
    NewNotice,
    NoticeKind,
    Power,
)
from mailguard.store.database import Database
from mailguard.store.verbs import habits, mails, threads, waits
from mailguard.store.verbs.codec import dump_set, micros


def swap(
    db: Database, mail: NewMail, wrong: str, right: str, by: Actor, now: datetime, edits: Sequence[Edit]
) -> Decision:
    """As `Store.swap`. Nothing leaves by it: the verdict's holds come on top, nobody new gets it before the others."""
    number = waits.lock(db, mail.queue_id, [wrong])
    if isinstance(number, Decision):
        return number
    found = mails.load(db, [number])[number]
    if any(hold.kind in mails.TIMELESS for hold in found.open_holds) or any(
        key(d.address) == right for d in found.deliveries
    ):
        return Decision(Ending.ALREADY, remaining=found.open_holds)
    rules = {hold.rule for hold in found.open_holds}
    mails.add_holds(db, number, [hold for hold in mail.verdict.holds if hold.rule not in rules], now)
    db.run("ask_anew", (number,))
    # as if a transaction had brought it: every recipient of an envelope has a delivery, and the other way round
    new = tuple(d.recipient for d in mail.deliveries if key(d.address) == right)
    mails.add_envelope(db, number, replace(mail, envelope=replace(mail.envelope, recipients=new), received_at=now))
    held = waits.open_holds(db, number)
    fresh = _fresh(found, mail, now)
    mails.add_deliveries(db, number, fresh, held, now)
    ended = waits.call_off(db, number, now, "replaced", by, [wrong])
    for hold in held:
        db.run("hold_back", {"mail": number, "scope": dump_set(hold.scope)})
    version(db, number, found, mail, (*found.edits, *edits), now)
    habits.add(db, number, mail)
    threads.join(db, number, fresh)
    db.run("thread_take_off", {"mail": number, "now": micros(now), "scope": dump_set([wrong])})
    db.make_findable(number, anew=True)
    saw = dict(db.run("seen", (number,)).fetchone())
    mails.event(db, number, now, "recipient.replaced", by, {"address": wrong, "right": right, **saw})
    db.run("revise", (number,))
    told = {key(d.address) for d in fresh}
    mails.add_notices(db, [*_asked(found, held), *(one for one in mail.notices if key(one.person) in told)], now)
    return Decision(Ending.DONE, changed=tuple(one for one, _ in ended), remaining=tuple(held))


def _asked(found: Mail, held: Sequence[Hold]) -> list[NewNotice]:
    """To approvers; not to who was asked before and can only answer on the page: that shows what is there."""
    know = {hold.id for hold in found.open_holds if not (hold.approved_by or hold.by_mail)}
    asked = {key(who): who for hold in held if hold.id not in know for who in hold.approvers}
    return [NewNotice(NoticeKind.APPROVAL, who, found.queue_id, Power.APPROVER) for who in asked.values()]


def _fresh(found: Mail, mail: NewMail, now: datetime) -> list[Delivery]:
    """Who was not on it; none leaves before what waits already does."""
    there = {key(d.address) for d in found.deliveries}
    last = max((d.due_at for d in found.deliveries if d.state.waiting and d.due_at), default=now)
    return [replace(d, due_at=max(d.due_at or now, last)) for d in mail.deliveries if key(d.address) not in there]


def version(db: Database, number: int, found: Mail, mail: NewMail, edits: Sequence[Edit], now: datetime) -> None:
    """With these edits. What was said of the version before is said of this one, too: it still waits for that."""
    made = db.run("present_edits", (number,)).fetchone()["number"] + 1
    said = {(hit.rule, str(hit.reason)) for hit in found.hits}
    hits: tuple[Hit, ...] = (*found.hits, *(h for h in mail.verdict.hits if (h.rule, str(h.reason)) not in said))
    action = max((hit.action for hit in hits if hit.mode is Mode.ENFORCE), default=mail.verdict.action)
    new = replace(mail, edits=tuple(edits), verdict=replace(mail.verdict, hits=hits, action=action))
    mails.add_version(db, number, made, new, now)
    db.run("use_version", (made, number))
