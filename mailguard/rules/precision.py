"""How often a rule was right, as far as people's answers say, and what to do about one that mostly is not."""

from dataclasses import dataclass
from math import sqrt

from mailguard.records import Fate, RuleTally

ENOUGH = 20  # answers before anything is proposed
SELDOM = 0.10  # a rule that is right less often than this teaches people to press without reading
HALF = 0.50

_Z = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Precision:
    """The share of answered holds that changed what left, and where it may really lie (95 %)."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """`what`: demote (to audit) or tighten."""

    what: str
    why: str


def precision(tally: RuleTally) -> Precision | None:
    """Wilson's interval: right for few answers too, and never outside 0 to 1. None without answers."""
    n = tally.answered
    if not n:
        return None
    share = tally.right / n
    middle, spread = share + _Z**2 / (2 * n), _Z * sqrt(share * (1 - share) / n + (_Z / (2 * n)) ** 2)
    scale = 1 + _Z**2 / n
    return Precision(share, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def proposal(tally: RuleTally) -> Proposal | None:
    """Only with enough answers, and only where the whole interval says so."""
    found = precision(tally)
    if found is None or tally.answered < ENOUGH or found.high >= HALF:
        return None
    unchanged = tally.count(Fate.UNCHANGED)
    why = f"{unchanged} of {tally.answered} answered holds were sent unchanged"
    if found.high < SELDOM:
        return Proposal("demote", f"{why}: it is right in less than one of {round(1 / SELDOM)}")
    who, times = tally.mostly
    if times * 2 > unchanged:
        return Proposal("tighten", f"{why}, {times} of them by {who}: an exception for that mail would help")
    return Proposal("tighten", f"{why}: ask for more in its `when`, or except what people confirm")
