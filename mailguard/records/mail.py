"""A mail and the fate of each of its recipients."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from mailguard.locale.sayings import joined
from mailguard.mail.envelope import Envelope, Identity, Recipient
from mailguard.mail.headers import Edit
from mailguard.mail.message import Message
from mailguard.mail.sketch import Sketch
from mailguard.records.habits import Remembered
from mailguard.records.kept import Kept
from mailguard.records.people import NewNotice, Notice
from mailguard.records.verdict import Hit, Hold, Shorten, Verdict

GATHER = timedelta(seconds=10)  # in which the transactions that a connector makes of one mail nearly always come


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
    def left(self) -> bool:
        """Can't be taken back."""
        return self in (State.SENDING, State.SENT)

    @property
    def final(self) -> bool:
        return self in (State.SENT, State.FAILED, State.CANCELLED)


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
        return str(self.said)

    @property
    def said(self) -> str:
        """The whole of it; our own words as they can be said in another language."""
        return joined(" ", (part for part in (str(self.code), self.enhanced, self.text) if part))


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
    behind: str = ""  # queue id of the earlier mail in the conversation whose copy must leave first

    @property
    def address(self) -> str:
        return self.recipient.address

    @property
    def taken_off(self) -> bool:
        """Somebody or a rule took this recipient off, whatever became of the mail."""
        return self.state is State.CANCELLED and self.reason.startswith(("dropped", "replaced"))


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
    parent: str = ""  # the one of them it answers
    confidential: bool = False  # it is marked so
    remembered: Remembered | None = None  # what is learnt of it once it is sent
    sketch: Sketch | None = None  # what to know its text by; None when no rule asks for that
    attachments: tuple[AttachmentInfo, ...] = ()
    automatic: bool = False
    notices: tuple[NewNotice, ...] = ()
    session_id: str = ""
    answers: str = ""  # who is told what becomes of it (sender, owner or fallback); '' = the identity's address
    kept: Kept | None = (
        None  # what other rules can be tried on later; None for our own reports, and what was unreadable
    )
    files: tuple[bytes, ...] = ()  # SHA-256 of files to remember by whom they were sent to
    fork: bytes = b""  # what other forks of it have, too; empty: it has none
    fork_of: str = ""  # queue id of the mail that had left when this late fork of it came
    inside: tuple[str, ...] = ()  # own addresses in To and Cc that a connector delivers itself


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
    inside: tuple[str, ...] = ()  # own addresses in To and Cc that came with no transaction when the mail was put

    @property
    def state(self) -> State:
        """The least finished delivery's state (surface: JSON)."""
        order = (State.SENDING, State.HELD, State.QUEUED, State.FAILED, State.SENT, State.CANCELLED)
        return min((d.state for d in self.deliveries), key=order.index, default=State.CANCELLED)

    @property
    def open_holds(self) -> tuple[Hold, ...]:
        return tuple(hold for hold in self.holds if hold.open)


@dataclass(frozen=True, slots=True)
class SentCopyClaim:
    """A mail that left otherwise than it was sent, to be put right in its sender's Sent folder."""

    id: int
    mail: Mail
    attempts: int  # this one counted: who settles it shows it


@dataclass(frozen=True, slots=True)
class Claim:
    """The due deliveries of one message to one destination, owned until `lease_until`; `fence` proves it."""

    mail: Mail  # its `deliveries` are all of the mail's; the claimed ones are below
    destination: str
    deliveries: tuple[Delivery, ...]  # attempts already counted up; `due_at` is when this attempt was due
    fence: int
    lease_until: datetime
    raw: bytes | None = None  # the whole message when it is small; else read `Store.body`


@dataclass(frozen=True, slots=True)
class NoticeClaim:
    """What goes to one person as one mail: one notice, or several as a digest, with the mails they are about."""

    person: str
    notices: tuple[Notice, ...]
    mails: Mapping[str, Mail]
    fence: int


@dataclass(frozen=True, slots=True)
class Spool:
    """A message as it came over the wire, dots unstuffed, with its SHA-256; its header is read once for all who ask."""

    raw: bytes | bytearray
    digest: bytes
    message: Message = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", Message(self.raw))


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the 250 says: the queue id, and the rule that holds it ('' = none)."""

    queue_id: str
    held_by: str = ""
    resend: bool = False  # the same mail is here already: this is the first one's queue id
    mark: Hashable = None  # which transaction it answers: several can become one mail


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is needed to know a mail again when it comes a second time."""

    queue_id: str
    identity: str  # its address
    sender: str  # MAIL FROM
    digest: bytes
    recipients: tuple[str, ...]
    received_at: datetime
