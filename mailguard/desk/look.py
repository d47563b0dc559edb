"""What one person sees of a mail, and which powers they have over it just now."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailguard.mail import address
from mailguard.people import People
from mailguard.records import (
    OWN_WAIT,
    Action,
    Actor,
    Delivery,
    Event,
    Hold,
    HoldKind,
    Mail,
    Mode,
    Power,
    Requires,
    Shorten,
    State,
)
from mailguard.rules.echoes import WAITING


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person said when they let the mail go, approved it or asked for that."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class View:
    """One mail as one person may see and treat it, and the nonce (`seen`) of this look at it."""

    mail: Mail
    person: str
    power: Power
    actor: Actor
    allowed: frozenset[str]  # of send, stop, drop, swap, cancel, hide, extend, ask, report, send-back, comment
    confirm: tuple[str, ...]  # what must be ticked by hand to send
    recipients: tuple[Delivery, ...]
    requires: Requires = Requires.LINK
    scope: frozenset[str] = frozenset()
    seen: str = ""
    anyones: bool = False  # an approver by right, whoever the holds name
    readable: bool = False  # this person may read the text; that it is them, the pages make sure
    names: Mapping[str, str] = field(default_factory=dict)  # address (key) -> what the mail or we call this person
    strangers: frozenset[str] = frozenset()  # recipients outside (keys) to whom the sender never wrote before
    remarks: tuple[Remark, ...] = ()
    taken_off: Mapping[str, str] = field(default_factory=dict)  # recipient (key) -> by whom
    meant: Mapping[str, str] = field(default_factory=dict)  # recipient (key) -> who was probably meant instead
    earlier: Mail | None = None  # nearly the same, and still waiting: this person may cancel that one instead


def pulse(mail: Mail) -> str:
    """Another one as soon as anything that a page shows is another. A hash: not everybody may know of every copy."""
    about = f"{mail.queue_id} {mail.revision} " + " ".join(f"{d.state} {d.attempts}" for d in mail.deliveries)
    return hashlib.sha256(about.encode()).hexdigest()[:16]


def rules(mail: Mail) -> tuple[str, ...]:
    """The rules that made this mail wait, each once."""
    said = dict.fromkeys(h.rule for h in mail.hits if h.mode is Mode.ENFORCE and h.action >= Action.DELAY)
    return tuple(rule for rule in said if rule != OWN_WAIT)


def approvers(mail: Mail) -> tuple[str, ...]:
    """Whose approval it still waits for."""
    return tuple(dict.fromkeys(a for h in mail.open_holds for a in h.approvers if address.key(a) not in h.approved_by))


def remarks(events: Iterable[Event]) -> tuple[Remark, ...]:
    found = {(e.actor, e.data["said"]): e for e in events if e.data.get("said")}
    return tuple(Remark(e.actor.partition(" (")[0], e.at, e.data["said"]) for e in found.values())


def taken_off(events: Iterable[Event]) -> dict[str, str]:
    """By which person each recipient (key) was taken off; what a rule did, the page says elsewhere."""
    told = ("recipient.dropped", "recipient.replaced")
    return {
        address.key(e.data["address"]): e.actor.partition(" (")[0]
        for e in events
        if e.kind in told and e.actor != "rules"
    }


def later(mail: Mail, span: timedelta, now: datetime) -> datetime | None:
    """Until when `span` from now would keep the hold that ends first; None when it lasts as long anyway."""
    ends = [hold.expires_at for hold in mail.open_holds if hold.expires_at]
    return now + span if ends and now + span > min(ends) else None


def _covered(mail: Mail, scope: frozenset[str]) -> list[Delivery]:
    return [d for d in mail.deliveries if not scope or address.key(d.address) in scope]


def repeats(mail: Mail, power: Power) -> str:
    """The queue id of the mail that this one nearly repeats, as a rule found; '' for all but the sender."""
    if power is not Power.SENDER or all(d.state is State.CANCELLED for d in mail.deliveries):
        return ""
    evidence = (found for hit in mail.hits if hit.mode is Mode.ENFORCE for found in hit.evidence)
    return next((said for where, said in evidence if where == WAITING), "")


def shortenable(mail: Mail, who: Shorten) -> list[Delivery]:
    return [d for d in mail.deliveries if d.state is State.QUEUED and d.attempts == 0 and d.shorten is who]


def is_own(people: People, person: str, mail: Mail) -> bool:
    """Whether this person, or a mailbox they work in, wrote it: nobody approves their own mail."""
    senders = {mail.identity.address, mail.envelope.sender, mail.answers} - {""}
    mine = people.canonical(person)
    return any(people.canonical(sender) == mine or people.shares(person, sender) for sender in senders)


def may_approve(hold: Hold, person: str, *, anyones: bool) -> bool:
    """Whether this person's (key) word is missing for the hold."""
    named = anyones or person in map(address.key, hold.approvers)
    return hold.open and bool(hold.approvers) and named and person not in hold.approved_by


def _may_send(mail: Mail, person: str, power: Power, scope: frozenset[str], anyones: bool) -> bool:
    holds = [h for h in mail.open_holds if h.kind not in (HoldKind.UNDECIDED, HoldKind.DAMAGED)]
    if power is Power.APPROVER:
        mine = address.key(person)
        return any(may_approve(hold, mine, anyones=anyones) for hold in holds)
    if power is Power.ASSISTANT:
        stopped = any(h.kind is HoldKind.STOPPED and h.scope and h.scope <= scope for h in holds)
        delayed = {address.key(d.address) for d in shortenable(mail, Shorten.ASSISTANT)}
        free = not any(h.covers(copy) for h in mail.open_holds for copy in scope)
        return stopped or (free and bool(scope & delayed))
    return any(not h.approvers for h in holds) or (not mail.open_holds and bool(shortenable(mail, Shorten.SENDER)))


def _may_report(mail: Mail, power: Power) -> bool:
    """Who took the mail back has said what they think of the rule."""
    kept = any(d.state is not State.CANCELLED for d in mail.deliveries)
    return kept and power is not Power.ASSISTANT and bool(rules(mail))


def allowed(mail: Mail, person: str, power: Power, scope: frozenset[str], *, anyones: bool = False) -> frozenset[str]:
    waiting = [d for d in _covered(mail, scope) if d.state.waiting]
    if not waiting:
        return frozenset({"report"} if _may_report(mail, power) else ())
    allowed = {"report"} if _may_report(mail, power) else set()
    if not any(h.kind is HoldKind.STOPPED and (not h.scope or h.scope >= scope > frozenset()) for h in mail.open_holds):
        allowed.add("stop")
    if _may_send(mail, person, power, scope, anyones):
        allowed |= {"send", "send-back"} if power is Power.APPROVER else {"send"}
    if power is Power.SENDER:
        allowed |= {"drop", "cancel"}
        allowed |= {"hide"} if any(d.visible and not d.added for d in waiting) else set()
        allowed |= {"extend"} if any(h.expires_at for h in mail.open_holds) else set()
        allowed |= {"ask"} if approvers(mail) else set()
    elif mail.answers:
        allowed.add("comment")
    return frozenset(allowed)


def confirm(mail: Mail, scope: frozenset[str]) -> tuple[str, ...]:
    covered = _covered(mail, scope)
    flagged = tuple(d.address for d in covered if d.flagged)
    outside = tuple(d.address for d in covered if d.external and d.state is not State.CANCELLED)
    return flagged or outside or (mail.queue_id,)


def visible(mail: Mail, power: Power) -> tuple[Delivery, ...]:
    return tuple(d for d in mail.deliveries if d.visible or power is not Power.ASSISTANT)


def requires(mail: Mail, person: str, power: Power, via: str) -> Requires:
    """The most that any hold this person could resolve asks for; being signed in is more than a code."""
    if via == "outbox" or (via.startswith("token") and power is not Power.APPROVER):
        return Requires.LINK
    mine = address.key(person)
    holds = [
        h for h in mail.open_holds
        if (mine in map(address.key, h.approvers) if power is Power.APPROVER else not h.approvers)
    ]  # fmt: skip
    order = list(Requires)
    return order[max((order.index(h.requires) for h in holds), default=0)]
