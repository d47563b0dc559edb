"""What is true of a mail at this moment: the one source of what notices and pages state as a fact."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailguard.mail.address import key
from mailguard.records import OWN_WAIT, Action, Delivery, Hold, HoldKind, Mail, Mode, OnExpiry, State

_SAFEST = (OnExpiry.RETURN, OnExpiry.DISCARD, OnExpiry.SEND)


class Stage(StrEnum):
    """Where the copies are, told by the least finished one."""

    HELD = "held"  # waits for a person
    LEAVES = "leaves"  # leaves by itself
    RETRYING = "retrying"  # was tried, the next hop said later
    LEAVING = "leaving"  # on the wire now
    LEFT = "left"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Fate:
    """`at`: when the first copy leaves (leaves, retrying), or when the last one ended."""

    stage: Stage
    at: datetime | None
    waiting: tuple[Delivery, ...]
    gone: tuple[Delivery, ...]  # have left, or are leaving: can't be taken back
    holds: tuple[Hold, ...]  # open
    expires_at: datetime | None
    on_expiry: OnExpiry
    behind: tuple[str, ...] = ()  # earlier mails that must leave first, when nothing of this one may leave before

    @property
    def waits(self) -> bool:
        return bool(self.waiting)

    @property
    def approvers(self) -> tuple[str, ...]:
        """Whom it waits for, beside its sender, each once and in the rules' order."""
        return tuple(dict.fromkeys(a for h in self.holds for a in h.approvers if a not in h.approved_by))

    @property
    def damaged(self) -> bool:
        """Nobody may let it go: its bytes are not what was handed in."""
        return any(hold.kind is HoldKind.DAMAGED for hold in self.holds)

    @property
    def undecided(self) -> bool:
        """The rules are still being asked."""
        return any(hold.kind is HoldKind.UNDECIDED for hold in self.holds)


@dataclass(frozen=True, slots=True)
class Why:
    """One reason, with the rule that gave it."""

    rule: str
    reason: str


def fate(mail: Mail, deliveries: Sequence[Delivery] | None = None) -> Fate:
    """The fate of these of the mail's copies; of all when none are named."""
    copies = tuple(mail.deliveries if deliveries is None else deliveries)
    waiting = tuple(d for d in copies if d.state.waiting)
    gone = tuple(d for d in copies if d.state in (State.SENT, State.SENDING))
    stage = _stage(copies)
    expires_at, on_expiry = _expiry(mail.open_holds)
    return Fate(
        stage, _instant(stage, copies), waiting, gone, mail.open_holds, expires_at, on_expiry, _behind(stage, copies)
    )


def whys(mail: Mail, *, quote: bool) -> tuple[Why, ...]:
    """Why it waits or waited. Without `quote` only what people did: a rule's words may tell of content or Bcc."""
    holds = tuple(hold for hold in mail.holds if hold.kind is not HoldKind.RULE)
    hits = [hit for hit in mail.hits if hit.mode is Mode.ENFORCE and hit.action >= Action.DELAY]
    if not quote:
        holds, hits = tuple(hold for hold in holds if hold.kind is HoldKind.STOPPED), []
    return tuple(
        dict.fromkeys([*(Why(_named(h.rule), h.reason) for h in hits), *(Why(h.rule, h.reason) for h in holds)])
    )


def _named(rule: str) -> str:
    """'' where no rule said so."""
    return "" if rule == OWN_WAIT else rule


def has_copy(mail: Mail, person: str) -> bool:
    """Whether this person is one of the recipients, added ones included."""
    return any(key(d.address) == key(person) for d in mail.deliveries)


def knows_all(mail: Mail, person: str) -> bool:
    """Whether an assistant knows the mail anyway: has a copy, and nobody is in Bcc."""
    return has_copy(mail, person) and all(d.visible for d in mail.deliveries)


def _stage(copies: Sequence[Delivery]) -> Stage:
    states = {d.state for d in copies}
    if State.QUEUED in states and State.HELD not in states:
        fresh = any(d.state is State.QUEUED and d.attempts == 0 for d in copies)
        return Stage.LEAVES if fresh else Stage.RETRYING
    order = {
        State.HELD: Stage.HELD,
        State.SENDING: Stage.LEAVING,
        State.FAILED: Stage.FAILED,
        State.SENT: Stage.LEFT,
    }
    return next((stage for state, stage in order.items() if state in states), Stage.CANCELLED)


def _instant(stage: Stage, copies: Iterable[Delivery]) -> datetime | None:
    if stage in (Stage.LEAVES, Stage.RETRYING):
        return min((d.due_at for d in copies if d.state is State.QUEUED and d.due_at), default=None)
    ends = {Stage.LEFT: State.SENT, Stage.FAILED: State.FAILED, Stage.CANCELLED: State.CANCELLED}
    return max((d.ended_at for d in copies if d.state is ends.get(stage) and d.ended_at), default=None)


def _behind(stage: Stage, copies: Sequence[Delivery]) -> tuple[str, ...]:
    queued = [d.behind for d in copies if d.state is State.QUEUED]
    return tuple(dict.fromkeys(queued)) if stage is Stage.LEAVES and all(queued) else ()


def _expiry(holds: Sequence[Hold]) -> tuple[datetime | None, OnExpiry]:
    """The earliest expiry acts, and of several outcomes the safer."""
    timed = [hold for hold in holds if hold.expires_at]
    if not timed:
        return None, OnExpiry.RETURN
    return min(h.expires_at for h in timed if h.expires_at), min((h.on_expiry for h in timed), key=_SAFEST.index)
