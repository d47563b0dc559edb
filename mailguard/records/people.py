"""What people are told, may do, and did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailguard.records.verdict import Hold


class Power(StrEnum):
    """What a link lets its holder do."""

    SENDER = "sender"
    APPROVER = "approver"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Capability:
    """One person's power over one mail; the token itself is never stored, only its SHA-256."""

    digest: bytes
    queue_id: str
    person: str
    power: Power
    scope: frozenset[str] = frozenset()  # an assistant's: the executives' copies (keys)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an address, or a uid on the admin socket; `via` says how we know (link, outbox, cli, timer)."""

    name: str
    via: str

    def __str__(self) -> str:
        return f"{self.name} ({self.via})"


class NoticeKind(StrEnum):
    """The mails people get from mailguard."""

    DELAYED = "delayed"
    HELD = "held"
    APPROVAL = "approval"  # to an approver
    ASSISTANT = "assistant"  # to an executive's assistant
    STOPPED = "stopped"  # to the sender: somebody else stopped it
    RETURNED = "returned"  # cancelled by its sender: the mail is attached
    EXPIRED = "expired"  # nobody answered; data: {"outcome": return|discard|send}
    REMINDER = "reminder"
    DECIDED = "decided"  # to the sender: an approver let it go, or sent it back
    NOTIFY = "notify"  # to whom a rule's `notify` names
    CODE = "code"  # data: {"code": "123456"}; for signing in or confirming
    ALERT = "alert"  # about the service itself, to whoever answers for it; data: {"about": …}


@dataclass(frozen=True, slots=True)
class NewNotice:
    """Something to tell a person; its text and token are made when it is claimed."""

    kind: NoticeKind
    person: str
    queue_id: str = ""  # '' only for CODE and ALERT
    power: Power = Power.SENDER
    scope: frozenset[str] = frozenset()
    due_at: datetime | None = None  # None: now
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """A stored notice."""

    id: int
    notice: NewNotice
    created_at: datetime
    attempts: int = 0


class Ending(StrEnum):
    """How a person's press ended: one winner, and the losers are told the truth."""

    DONE = "done"
    ALREADY = "already"
    TOO_LATE = "too_late"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Decision:
    """`at` is when the earlier ending happened (ALREADY, TOO_LATE); `changed` the delivery ids that moved."""

    ending: Ending
    at: datetime | None = None
    changed: tuple[int, ...] = ()
    remaining: tuple[Hold, ...] = ()  # holds still open after a release or approval


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a mail's history."""

    at: datetime
    kind: str  # noun.verb, as in the log
    queue_id: str
    actor: str
    data: Mapping[str, str] = field(default_factory=dict)
