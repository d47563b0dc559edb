"""What the rules say: matches, hits, holds, waits, and the verdict they make together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from mailguard.mail.headers import Edit


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
    POLICY = "policy"  # what became stricter after it was accepted: an order, a login, a quota


LATE_FORK = "late-fork"  # a tag: the mail is a part of one that had left when it came
OWN_WAIT = "own-wait"  # in a rule's place: the sender's own preference


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
    remind_at: datetime | None = None  # of a new hold; None: at half time
    escalate_at: datetime | None = None  # then these may approve as well; None: never, or done
    escalate_to: tuple[str, ...] = ()
    by_mail: bool = False  # an answer to the notice may let it go
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
    edits: tuple[Edit, ...] = ()  # what rules change in the mail
    dropped: Mapping[str, str] = field(default_factory=dict)  # address key -> the rule that takes it off

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the enforcing rules that matched."""
        return tuple(hit.rule for hit in self.hits if hit.mode is Mode.ENFORCE)
