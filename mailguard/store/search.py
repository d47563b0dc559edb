"""What a store promises to those who look after the mail of others."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailguard.records import Actor, Event, Kept, Mail, RuleHold, State


@dataclass(frozen=True, slots=True)
class Search:
    """All given parts must hold. Sender and recipient: an address, a domain or a login, or how one begins.

    Of subject and file the words in any order, each of which may be a beginning. The rest is compared whole.
    """

    sender: str = ""  # or login
    recipient: str = ""
    domain: str = ""  # of a recipient, whole
    subject: str = ""
    file: str = ""  # its name
    digest: bytes = b""  # SHA-256 of a file in it; only of mail whose bytes are kept
    rule: str = ""
    message_id: str = ""
    state: State | None = None
    waiting: bool = False  # can still be stopped
    since: datetime | None = None
    before: datetime | None = None
    after: str = ""  # queue id to page on from (newest first)
    limit: int = 50


class SearchStore(Protocol):
    """Finding, and pausing."""

    async def search(self, what: Search) -> list[Mail]:
        """The newest first, however many are stored."""
        ...

    async def kept_of(self, queue_id: str) -> Kept | None:
        """What rules can still ask of this mail; None when nothing is kept of it."""
        ...

    async def rule_holds(self, since: datetime) -> list[RuleHold]:
        """Every hold by a rule on mail accepted since then, the latest first. Reads all of that mail: ask rarely."""
        ...

    async def changes(self, kind: str, limit: int) -> list[Event]:
        """What happened of this kind that is about no mail, the latest first: `rules.changed`."""
        ...

    async def sealed(self) -> tuple[int, datetime] | None:
        """Number and time of the audit's last seal."""
        ...

    async def pause(self, why: str, *, by: Actor, now: datetime) -> bool:
        """Nothing leaves from now on, until `resume`; what is on the wire goes on. False when it was paused already."""
        ...
