"""What a sender's mail so far says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailguard.locale.sayings import Said
from mailguard.mail.domains import Domains

COUNTED = 1000  # mails to one address that are counted; more are as good as these


@dataclass(frozen=True, slots=True)
class Familiar:
    """Whom the sender writes to at all, and what domains anybody here does: whatever this mail's recipients are."""

    mine: Mapping[str, int] = field(default_factory=dict)  # address (key) -> mails of the sender to it
    ours: Domains = field(default_factory=Domains)  # registered domain -> copies sent to it by anybody here


@dataclass(frozen=True, slots=True)
class Past:
    """What a sender's mail so far says about some addresses (keys)."""

    mails: int = 0  # sent mails remembered of this sender
    since: datetime | None = None  # the first of them
    written: Mapping[str, int] = field(default_factory=dict)  # address -> mails sent to it, at most COUNTED
    together: Mapping[str, frozenset[str]] = field(default_factory=dict)  # address -> others in one mail with it
    thread: frozenset[str] | None = None  # everyone on the thread so far; None = its parent was never seen
    odd: Mapping[str, Said] | None = None  # whom the model finds unexpected -> why; None: it cannot tell
    meant: Mapping[str, str] = field(default_factory=dict)  # of those, whom the sender probably meant
    scores: Mapping[str, float] = field(default_factory=dict)  # of every recipient, how much it surprises
