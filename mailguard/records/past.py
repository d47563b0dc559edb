"""What a sender's mail so far says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

COUNTED = 1000  # mails to one address that are counted; more are as good as these


@dataclass(frozen=True, slots=True)
class Past:
    """What a sender's mail so far says about some addresses (keys)."""

    mails: int = 0  # sent mails remembered of this sender
    since: datetime | None = None  # the first of them
    written: Mapping[str, int] = field(default_factory=dict)  # address -> mails sent to it, at most COUNTED
    together: Mapping[str, frozenset[str]] = field(default_factory=dict)  # address -> others in one mail with it
    thread: frozenset[str] | None = None  # everyone on the thread so far; None = its parent was never seen
