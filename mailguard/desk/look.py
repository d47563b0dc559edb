"""What one person sees of a mail, and which powers they have over it just now."""

from dataclasses import dataclass

from mailguard.mail import address
from mailguard.records import Actor, Delivery, HoldKind, Mail, Power, Requires, Shorten, State


@dataclass(frozen=True, slots=True)
class View:
    """One mail as one person may see and treat it, and the nonce (`seen`) of this look at it."""

    mail: Mail
    person: str
    power: Power
    actor: Actor
    allowed: frozenset[str]  # of send, stop, drop, cancel
    confirm: tuple[str, ...]  # what must be ticked by hand to send
    recipients: tuple[Delivery, ...]
    requires: Requires = Requires.LINK
    scope: frozenset[str] = frozenset()
    seen: str = ""


def _covered(mail: Mail, scope: frozenset[str]) -> list[Delivery]:
    return [d for d in mail.deliveries if not scope or address.key(d.address) in scope]


def shortenable(mail: Mail, who: Shorten) -> list[Delivery]:
    return [d for d in mail.deliveries if d.state is State.QUEUED and d.attempts == 0 and d.shorten is who]


def _may_send(mail: Mail, person: str, power: Power, scope: frozenset[str]) -> bool:
    holds = [h for h in mail.open_holds if h.kind not in (HoldKind.UNDECIDED, HoldKind.DAMAGED)]
    if power is Power.APPROVER:
        mine = address.key(person)
        return any(mine in map(address.key, h.approvers) and mine not in h.approved_by for h in holds)
    if power is Power.ASSISTANT:
        stopped = any(h.kind is HoldKind.STOPPED and h.scope and h.scope <= scope for h in holds)
        delayed = {address.key(d.address) for d in shortenable(mail, Shorten.ASSISTANT)}
        free = not any(h.covers(copy) for h in mail.open_holds for copy in scope)
        return stopped or (free and bool(scope & delayed))
    return any(not h.approvers for h in holds) or (not mail.open_holds and bool(shortenable(mail, Shorten.SENDER)))


def allowed(mail: Mail, person: str, power: Power, scope: frozenset[str]) -> frozenset[str]:
    waiting = [d for d in _covered(mail, scope) if d.state.waiting]
    if not waiting:
        return frozenset()
    allowed = set()
    if not any(h.kind is HoldKind.STOPPED and (not h.scope or h.scope >= scope > frozenset()) for h in mail.open_holds):
        allowed.add("stop")
    if _may_send(mail, person, power, scope):
        allowed.add("send")
    if power is Power.SENDER:
        allowed |= {"drop", "cancel"}
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
    if via == "outbox":
        return Requires.LINK
    mine = address.key(person)
    holds = [
        h for h in mail.open_holds
        if (mine in map(address.key, h.approvers) if power is Power.APPROVER else not h.approvers)
    ]  # fmt: skip
    order = list(Requires)
    most = max((order.index(h.requires) for h in holds), default=0)
    # an approver has no page to sign in to yet: the mailed code proves the mailbox all the same
    return Requires.CODE if power is Power.APPROVER and order[most] is Requires.LOGIN else order[most]
