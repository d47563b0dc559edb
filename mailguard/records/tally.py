"""What people made of a rule's word: the mails it matched, held, and what became of those."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from mailguard.records.verdict import Hit


class Fate(StrEnum):
    """What became of a mail that a rule held. The first three say that the rule was right."""

    CANCELLED = "cancelled"  # a person took it back
    EDITED = "edited"  # and sent another of that subject within a day
    DROPPED = "dropped"  # a person took recipients off it
    UNCHANGED = "unchanged"  # a person let it go as it was
    UNANSWERED = "unanswered"  # time, or the mail's end by something else, decided
    OPEN = "open"  # it still waits


@dataclass(frozen=True, slots=True)
class RuleTally:
    """One rule in numbers of mails. A mail that several rules held is counted for each of them."""

    rule: str
    matched: int = 0  # where it acts
    held: int = 0
    delayed: int = 0  # not held by any rule
    taken_back: int = 0  # of those delayed: cancelled by a person, or with fewer recipients
    audit: int = 0  # matched where it is only recorded
    would_hold: int = 0  # of those
    fates: Mapping[Fate, int] = field(default_factory=dict)  # of those held
    reported: int = 0  # people who said on the page of a mail that this rule was wrong about it
    answered_in: timedelta | None = None  # the median of a person's first answer to a hold
    mostly: tuple[str, int] = ("", 0)  # whose mail was most often sent unchanged, and how often

    def count(self, *fates: Fate) -> int:
        return sum(self.fates.get(fate, 0) for fate in fates)

    @property
    def right(self) -> int:
        """Holds that changed what left."""
        return self.count(Fate.CANCELLED, Fate.EDITED, Fate.DROPPED)

    @property
    def answered(self) -> int:
        """Holds that a person answered."""
        return self.right + self.count(Fate.UNCHANGED)


@dataclass(frozen=True, slots=True)
class RuleHit:
    """One mail that a rule matched, and in which mode."""

    queue_id: str
    at: datetime
    sender: str  # key
    hit: Hit


@dataclass(frozen=True, slots=True)
class RuleHold:
    """One rule's hold on one mail, and what became of it; `person` (key) is who was asked to look."""

    rule: str
    at: datetime
    fate: Fate
    person: str
