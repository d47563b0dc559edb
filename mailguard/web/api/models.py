"""What is asked and answered, as types: they check what comes in, and the OpenAPI document is made from them."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field

from mailguard.document.described import Described
from mailguard.records import Ending, OnExpiry, Power, Requires, State

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def _rfc3339(value: object) -> object:
    """Not the seconds since 1970 that pydantic takes as well."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return value
    raise ValueError("write a time with its zone, like 2026-11-23T09:00:00Z")


Address = str
QueueId = str
Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]


class Asked(Described):
    """Nothing unknown is accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Answered(Described):
    """Times are RFC 3339 in UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


# asked


class Find(Asked):
    """Which mails. All given parts must hold; without any it is all mail the token may see, newest first."""

    state: State | None = None
    """The mail's state: that of its least finished delivery."""
    waiting: bool = False
    """Only what is held or queued."""
    sender: Address = Field(default="", max_length=320)
    """The sender's address."""
    recipient: Address = Field(default="", max_length=320)
    """One recipient's address."""
    rule: str = Field(default="", max_length=200)
    """A rule that matched, or holds."""
    before: Instant | None = None
    """Received before this instant."""
    after: QueueId = Field(default="", max_length=64)
    """Go on after this mail: `next` of the page before."""
    limit: int = Field(default=50, ge=1, le=200)
    """Mails a page."""


class AuditRange(Asked):
    """Which part of the audit. JSON Lines come in whole seals; of records outside only ids and digests."""

    since: Instant | None = None
    """From this instant."""
    until: Instant | None = None
    """Up to, and without, this instant."""
    format: Literal["jsonl", "csv"] = "jsonl"
    """jsonl can be verified by `mailguard audit verify FILE`; csv is for spreadsheets."""


class Nothing(Asked):
    """An empty object."""


class Confirmed(Asked):
    """An action on what was seen."""

    seen: str = Field(max_length=200)
    """`seen` of the mail as it was shown: if the mail has changed since, nothing is done."""
    confirm: tuple[str, ...] = Field(default=(), max_length=2000)
    """To send: every entry of the mail's `confirm`. To cancel: its queue id."""


class Send(Confirmed):
    """Let it go, or approve it."""

    code: str = Field(default="", max_length=20)
    """The code that was mailed to the approver, where the hold asks for one."""


class Drop(Asked):
    """Take recipients off; dropping all of them is cancelling."""

    seen: str = Field(max_length=200)
    """As for `send`."""
    recipients: tuple[Address, ...] = Field(min_length=1, max_length=2000)
    """Addresses of the mail that still wait."""


# answered


class Hold(Answered):
    """Whom it waits for, and what happens when nobody answers."""

    until: tuple[str, ...]
    expires_at: datetime | None
    on_expiry: OnExpiry


class Delivery(Answered):
    """One recipient's fate."""

    address: Address
    state: State
    due_at: datetime | None
    attempts: int
    flagged: str
    """Why a rule marked this recipient; empty when none did."""
    added: bool
    last_reply: str
    behind: QueueId | None
    """The earlier mail of the conversation that must leave first."""


class Mail(Answered):
    """One mail, without its text."""

    queue_id: QueueId
    message_id: str
    sender: Address
    subject: str
    size: int
    created_at: datetime
    state: State
    rules: tuple[str, ...]
    hold: Hold | None
    deliveries: tuple[Delivery, ...]


class Mails(Answered):
    """A page of mails, newest first."""

    mails: tuple[Mail, ...]
    next: QueueId | None
    """Give it as `after` for the next page; null at the end."""


class Hit(Answered):
    """A rule that matched, and why."""

    rule: str
    mode: str
    action: str
    reason: str


class Shown(Mail):
    """One mail with what the caller may do to it."""

    hits: tuple[Hit, ...]
    power: Power
    allowed: tuple[Literal["cancel", "drop", "send", "stop"], ...]
    confirm: tuple[str, ...]
    """What `send` must confirm."""
    requires: Requires
    """`code`: the first `send` mails a code to the approver."""
    seen: str
    """Stands for this look at the mail: actions give it back."""


class Event(Answered):
    """One line of a mail's history."""

    at: datetime
    event: str
    actor: str
    data: dict[str, str]


class Events(Answered):
    """A mail's history, the oldest first."""

    events: tuple[Event, ...]


class Remaining(Answered):
    """A hold that is still open."""

    rule: str
    until: tuple[str, ...]


class Decision(Answered):
    """How it ended: done, already so, or too late."""

    queue_id: QueueId
    ending: Ending
    at: datetime | None
    """When it was so already, or left."""
    changed: int
    remaining: tuple[Remaining, ...]


class Rule(Answered):
    """One rule that is live."""

    id: str
    description: str
    severity: str
    mode: str
    action: str
    file: str
    line: int


class Rules(Answered):
    """The live rules; every decision names their hash."""

    hash: str
    rules: tuple[Rule, ...]


class Health(Answered):
    """How the service is."""

    ready: bool
    paused: str
    """Why nothing is sent; empty when it is."""
    rules: str
    """The live rules' hash."""
    queue: dict[State, int]
    """Deliveries by state."""
    notices_undelivered: int


class Problem(Answered):
    """Why nothing was done."""

    error: str
    """A word for programs."""
    detail: str
    """A sentence for people."""
