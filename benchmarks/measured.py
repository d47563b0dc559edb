"""What a detector did on mail as it was sent and on mail with a slip, as figures."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

BUDGETS = (0.01, 0.02, 0.05)
PRICES = (0.005, *BUDGETS)  # what a sender may be asked
Alarms = tuple[bool, ...]


@dataclass(frozen=True)
class Injected:
    """One mail with a slip: the slip's score, all scores, and what it was."""

    score: float
    others: tuple[float, ...]
    kind: str
    sender: str
    outside: bool
    suggested: bool | None = None  # the address that was meant is the one that is suggested; None: it is in the mail

    @property
    def first(self) -> float:
        """1 when the slip is the most surprising recipient; ties are shared."""
        if any(other > self.score for other in self.others):
            return 0.0
        return 1 / (1 + sum(other == self.score for other in self.others))


@dataclass
class Scored:
    """Of one part of the mail; `clean`: (score of the most surprising recipient, sender, alarm by each of PRICES)."""

    clean: list[tuple[float, str, Alarms]] = field(default_factory=list)
    injected: list[Injected] = field(default_factory=list)
    caught: list[Alarms] = field(default_factory=list)  # of the injected


def threshold(clean: Iterable[float], share: float) -> float:
    """The smallest at which no more than this share of ordinary mail gives an alarm."""
    scores = sorted(clean, reverse=True)
    return math.nextafter(scores[int(share * len(scores))], math.inf)


def recall(injected: Sequence[Injected], limit: float) -> float:
    return fmean(one.score >= limit for one in injected)


def auc(slips: Sequence[float], clean: Sequence[float]) -> float:
    """The chance that a slip surprises more than the most surprising recipient of an ordinary mail."""
    ranked = sorted([(score, 1) for score in slips] + [(score, 0) for score in clean])
    total, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        total += sum(slip for _, slip in ranked[at:end]) * (at + end + 1) / 2
        at = end
    return (total - len(slips) * (len(slips) + 1) / 2) / (len(slips) * len(clean))


def accuracy(injected: Iterable[Injected]) -> float:
    """Of the mails with two or more recipients."""
    return fmean(one.first for one in injected if one.others)


@dataclass(frozen=True)
class Kept:
    """How a budget was kept: alarms on ordinary mail, of all and by sender, and what it caught."""

    budget: float
    alarms: float
    twice: float  # share of senders above twice the budget
    caught: float
    dice: float  # share of senders above twice, were alarms thrown like dice at exactly the budget


def kept(scored: Scored, price: int) -> Kept:
    """`price`: which of PRICES."""
    by_sender, budget = defaultdict[str, list[bool]](list), PRICES[price]
    for _, sender, alarms in scored.clean:
        by_sender[sender].append(alarms[price])
    shares = [fmean(alarms) for alarms in by_sender.values()]
    return Kept(
        budget, fmean(alarms[price] for _, _, alarms in scored.clean), fmean(share > 2 * budget for share in shares),
        fmean(alarms[price] for alarms in scored.caught),
        fmean(_above(len(alarms), budget) for alarms in by_sender.values()),
    )  # fmt: skip


def _above(mails: int, budget: float) -> float:
    """The chance of more than twice the budget in so many mails."""
    allowed = range(int(2 * budget * mails + 1e-9) + 1)
    return 1 - sum(math.comb(mails, one) * budget**one * (1 - budget) ** (mails - one) for one in allowed)
