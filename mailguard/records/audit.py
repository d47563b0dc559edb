"""What the audit knows: events with their numbers, and the seals that chain them."""

from dataclasses import dataclass
from datetime import datetime

from mailguard.records.mail import Mail
from mailguard.records.people import Event


@dataclass(frozen=True, slots=True)
class Record:
    """One event under its number, which no other ever has; `digest` is its place in the chain, b'' before it is sealed.

    Without an event it was erased (its salt went with it), is missing, or was left out of an export (`withheld`).
    """

    id: int
    event: Event | None
    digest: bytes = b""
    salt: bytes = b""
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Seal:
    """A closed range of records, chained to the one before: `head` covers everything up to here."""

    number: int
    first: int
    last: int
    at: datetime
    previous: bytes
    root: bytes
    head: bytes
    forgotten: bool = False  # its records are past retention; the hashes stay


@dataclass(frozen=True, slots=True)
class Span:
    """A seal with its records; without one: what is not sealed yet, which is the end."""

    seal: Seal | None
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What erasing a person removes: ended mails, and single records.

    What stays: mails that still wait for somebody or for the archive, and those under somebody else's legal hold.
    """

    mails: int
    records: int
    waiting: int
    held: int = 0


@dataclass(frozen=True, slots=True)
class CallClaim:
    """One event that a webhook is to hear of, owned until its lease ends; `fence` proves it."""

    id: int
    url: str
    event: Event
    mail: Mail | None
    created_at: datetime
    attempts: int  # this one included
    fence: int
