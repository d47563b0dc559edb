"""What people are told, may do, and did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
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


class Role(StrEnum):
    """What a program's token, or a person who administers, is for."""

    SENDER = "sender"  # one person's own mail
    APPROVER = "approver"  # what waits for one person's approval
    HELPDESK = "helpdesk"  # all mail, and to stop it
    EDITOR = "editor"  # rules
    AUDITOR = "auditor"  # all mail and the audit; never to act
    ADMIN = "admin"  # all mail, and to act on it


@dataclass(frozen=True, slots=True)
class Token:
    """A program's key, without the secret; `person` is whose mail it is about, for roles that are one person's."""

    name: str
    role: Role
    person: str
    made_by: str
    made_at: datetime
    expires_at: datetime


class Way(StrEnum):
    """How somebody signed in to the pages."""

    CODE = "code"  # mailed
    OIDC = "oidc"  # an OpenID provider said so
    PASSWORD = "password"  # noqa: S105 - of a login, with a second factor


@dataclass(frozen=True, slots=True)
class Login:
    """A web session: whose it is, and how they were known."""

    person: str
    until: datetime
    way: Way = Way.CODE
    second: bool = False  # with a second factor
    claims: frozenset[str] = frozenset()  # what the OpenID provider said they belong to
    name: str = ""  # of the login whose password it was


@dataclass(frozen=True, slots=True)
class Factor:
    """A login's second factor: the secret that makes codes (RFC 6238), and digests of the recovery codes left."""

    name: str
    secret: str = field(repr=False)
    step: int
    wrong: int  # codes in a row
    recovery: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class AppPassword:
    """What one device logs in with, without the secret; `person` is the key of somebody's main address."""

    person: str
    name: str
    made_at: datetime
    used_on: date | None = None  # the day (UTC) of its last login


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
    RETURNED = "returned"  # with the mail; data: {"by": …}, of an approver {"comment": …} too, or {"rejected": …}
    EXPIRED = "expired"  # nobody answered; data: {"outcome": return|discard|send}
    REMINDER = "reminder"
    DECIDED = "decided"  # to the sender: an approver let it go
    NOTIFY = "notify"  # to whom a rule's `notify` names
    COMMENT = "comment"  # to the sender: what an assistant or approver says of it; data: {"by": …, "comment": …}
    DROPPED = "dropped"  # to the sender: rules took recipients off
    AS_SENT = "as_sent"  # to the sender who asked for it: what really left of a mail that recipients were taken off
    ANSWERED = "answered"  # what an answer by mail did; data: {"outcome": …, "verb": …}
    HELP = "help"  # an answer by mail that means nothing
    CODE = "code"  # data: {"code": "123456"}; for signing in or confirming
    DELEGATE = "delegate"  # of an absence; data: {"by": …, "from": …, "until": …}, "ended" when it is over before
    ALERT = "alert"  # about the service itself, to whoever answers for it; data: {"about": …}


@dataclass(frozen=True, slots=True)
class NewNotice:
    """Something to tell a person; its text and token are made when it is claimed."""

    kind: NoticeKind
    person: str
    queue_id: str = ""  # '' only for CODE, DELEGATE, ALERT and HELP
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
