"""What travels between rooms: plain frozen records, no behaviour beyond what can be read off them.

Addresses are strings as the client wrote them; they are compared by `mail.address.key`. Instants are aware UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from mailguard.mail.envelope import Envelope, Identity, Recipient
from mailguard.mail.headers import Edit


class State(StrEnum):
    """The states of a delivery: these six and no other. The last three are never left."""

    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def waiting(self) -> bool:
        return self in (State.HELD, State.QUEUED)

    @property
    def final(self) -> bool:
        return self in (State.SENT, State.FAILED, State.CANCELLED)


class Action(IntEnum):
    """What a verdict does, by strictness: the highest wins."""

    PASS = 0
    DELAY = 1
    HOLD = 2
    REJECT = 3


class Mode(StrEnum):
    """Whether a rule acts, is only recorded, or is not asked."""

    ENFORCE = "enforce"
    AUDIT = "audit"
    OFF = "off"


class OnExpiry(StrEnum):
    """What an unanswered hold ends in, from the safest to the boldest."""

    RETURN = "return"
    DISCARD = "discard"
    SEND = "send"


class Requires(StrEnum):
    """What a person needs besides the link to let a held mail go."""

    LINK = "link"
    CODE = "code"
    LOGIN = "login"


class Shorten(StrEnum):
    """Who may send before a delay has run out."""

    SENDER = "sender"
    ASSISTANT = "assistant"
    NOBODY = "nobody"


class HoldKind(StrEnum):
    """Why a mail waits for a person."""

    RULE = "rule"
    STOPPED = "stopped"  # a person pressed stop
    UNDECIDED = "undecided"  # the rules are still being asked: resolved by `Store.decide`, not by a person
    ERROR = "error"  # unreadable, a rule failed, over budget
    DAMAGED = "damaged"  # the stored bytes do not match their digest: no expiry, no release
    POISON = "poison"  # carrying it crashed three times


# --- what the rules say ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Match:
    """A condition is true: one sentence why, the recipients it is about (keys; empty = the whole mail).

    `evidence` is (where, matched text) pairs, for the page and the explain text; never for logs.
    """

    reason: str
    recipients: frozenset[str] = frozenset()
    evidence: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule matched: what it asks for and why."""

    rule: str
    mode: Mode
    action: Action
    reason: str  # the rule's `explain` filled in, else the match's reason
    recipients: frozenset[str] = frozenset()
    severity: str = "normal"  # normal | high
    evidence: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """One rule's hold on a mail: until whom, how long, what then. A mail leaves when every one is resolved.

    `scope` are the address keys it covers; empty covers the whole mail.
    """

    rule: str
    reason: str
    kind: HoldKind = HoldKind.RULE
    approvers: tuple[str, ...] = ()  # empty: the sender (or who answers for the sender) decides
    needed: int = 1
    requires: Requires = Requires.LINK
    expires_at: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.RETURN
    scope: frozenset[str] = frozenset()
    id: int = 0  # given by the store
    approved_by: tuple[str, ...] = ()
    resolved_by: str = ""
    resolved_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.resolved_at is None

    def covers(self, key: str) -> bool:
        return not self.scope or key in self.scope


@dataclass(frozen=True, slots=True)
class Wait:
    """How long one recipient's copy waits by itself, because of which rule, and who may shorten it."""

    due_at: datetime
    rule: str
    shorten: Shorten = Shorten.SENDER


@dataclass(frozen=True, slots=True)
class AddedCopy:
    """An address a rule adds: visible in Cc, or on the envelope only; `notice_only`: told, not copied.

    `about` are the recipients (keys) it was added because of: an assistant may stop just their copies.
    """

    address: str
    rule: str
    visible: bool
    now: bool = True  # escapes delays, never holds
    notice_only: bool = False
    assistant: bool = False
    about: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The combined decision for one version of a mail."""

    action: Action
    waits: Mapping[str, Wait] = field(default_factory=dict)  # address key -> wait; absent = leaves now
    holds: tuple[Hold, ...] = ()
    reject: str = ""  # "RULE: explanation" for the 550
    added: tuple[AddedCopy, ...] = ()
    hits: tuple[Hit, ...] = ()  # audit rules included
    notify: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    rules_hash: str = ""

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the enforcing rules that matched."""
        return tuple(hit.rule for hit in self.hits if hit.mode is Mode.ENFORCE)


# --- one recipient's fate -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said (or what we say for it): code, enhanced code (may be ''), text.

    `remote` is the server that said it, as 'name[address]:port'; '' when the words are our own.
    """

    code: int
    enhanced: str
    text: str
    remote: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


class Result(StrEnum):
    """How one attempt ended for one recipient."""

    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recipient's result. `ambiguous`: the connection died after the final dot and before the reply.

    `relayed_without_dsn`: sent to a server that makes no reports, so the one asked for is ours to make.
    """

    result: Result
    reply: Reply
    due_at: datetime | None = None  # the next attempt; set by the scheduler when deferred
    ambiguous: bool = False
    relayed_without_dsn: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recipient's fate. `due_at` empty while held. `released_at` starts the retry clock."""

    recipient: Recipient
    destination: str  # where it goes, by `Route.destination`: 'host:port' of a smarthost, or 'mx:domain'
    state: State
    due_at: datetime | None = None
    shorten: Shorten = Shorten.SENDER
    flagged: str = ""  # why this recipient is marked on the page; '' = it is not
    added: bool = False
    visible: bool = True  # False: Bcc, shown to the sender and approvers only
    external: bool = False
    reason: str = ""  # why it ended as it did: dropped, cancelled, expired, …
    id: int = 0  # given by the store, as are all below
    attempts: int = 0
    released_at: datetime | None = None
    ended_at: datetime | None = None
    last_reply: str = ""

    @property
    def address(self) -> str:
        return self.recipient.address


@dataclass(frozen=True, slots=True)
class AttachmentInfo:
    """What the page says of an attachment."""

    name: str
    content_type: str
    size: int  # bytes, decoded


class Kind(StrEnum):
    """A person's mail, or a report made by us. Reports skip the rules by this field, never by a header."""

    MAIL = "mail"
    DSN = "dsn"


@dataclass(frozen=True, slots=True)
class NewMail:
    """Everything that one `Store.put` commits together."""

    queue_id: str
    envelope: Envelope
    identity: Identity
    raw: bytes | bytearray  # as received; edits are rendered when a copy is claimed
    digest: bytes  # SHA-256 of raw
    received_at: datetime
    edits: tuple[Edit, ...]
    deliveries: tuple[Delivery, ...]
    verdict: Verdict
    kind: Kind = Kind.MAIL
    message_id: str = ""
    subject: str = ""
    references: tuple[str, ...] = ()  # Message-IDs of In-Reply-To and References
    attachments: tuple[AttachmentInfo, ...] = ()
    automatic: bool = False
    notices: tuple["NewNotice", ...] = ()
    session_id: str = ""
    answers: str = ""  # who is told what becomes of it (sender, owner or fallback); '' = the identity's address


@dataclass(frozen=True, slots=True)
class Mail:
    """One stored mail without its bytes: what pages, lists and the desk see."""

    queue_id: str
    envelope: Envelope  # `recipients` as received; what became of them is in `deliveries`
    identity: Identity
    size: int
    digest: bytes
    received_at: datetime
    edits: tuple[Edit, ...]
    deliveries: tuple[Delivery, ...]
    holds: tuple[Hold, ...]
    hits: tuple[Hit, ...]
    tags: tuple[str, ...]
    rules_hash: str
    kind: Kind = Kind.MAIL
    message_id: str = ""
    subject: str = ""
    attachments: tuple[AttachmentInfo, ...] = ()
    automatic: bool = False
    purged: bool = False  # the bytes are gone
    answers: str = ""  # who is told what becomes of it
    revision: int = 0  # grows with every change a person or rule makes: what a page view was about

    @property
    def state(self) -> State:
        """The least finished delivery's state (surface: JSON)."""
        order = (State.SENDING, State.HELD, State.QUEUED, State.FAILED, State.SENT, State.CANCELLED)
        return min((d.state for d in self.deliveries), key=order.index, default=State.CANCELLED)

    @property
    def open_holds(self) -> tuple[Hold, ...]:
        return tuple(hold for hold in self.holds if hold.open)


@dataclass(frozen=True, slots=True)
class Claim:
    """The due deliveries of one message to one destination, owned until `lease_until`; `fence` proves it."""

    mail: Mail  # its `deliveries` are all of the mail's; the claimed ones are below
    destination: str
    deliveries: tuple[Delivery, ...]  # attempts already counted up
    fence: int
    lease_until: datetime
    raw: bytes | None = None  # the whole message when it is small; else read `Store.body`


# --- people ---------------------------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class NewNotice:
    """Something to tell a person; its text and token are made when it is claimed."""

    kind: NoticeKind
    person: str
    queue_id: str = ""  # '' only for CODE
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


@dataclass(frozen=True, slots=True)
class NoticeClaim:
    """What goes to one person as one mail: one notice, or several as a digest, with the mails they are about."""

    person: str
    notices: tuple[Notice, ...]
    mails: Mapping[str, Mail]
    fence: int


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


# --- the past -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Past:
    """What a sender's mail so far says about some addresses (keys)."""

    mails: int = 0  # sent mails remembered of this sender
    since: datetime | None = None  # the first of them
    written: Mapping[str, int] = field(default_factory=dict)  # address -> mails sent to it
    together: Mapping[str, frozenset[str]] = field(default_factory=dict)  # address -> others in one mail with it
    thread: frozenset[str] | None = None  # everyone on the thread so far; None = its parent was never seen


# --- between smtpd and intake ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spool:
    """A message as it came over the wire, dots unstuffed, with its SHA-256."""

    raw: bytes | bytearray
    digest: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the 250 says: the queue id, and the rule that holds it ('' = none)."""

    queue_id: str
    held_by: str = ""
