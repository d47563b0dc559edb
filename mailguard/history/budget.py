"""How many alarms are allowed, and which mails of a sender are surprising enough for one."""

import re
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from math import exp, log, sqrt

LEVELS = {"low": 200, "medium": 100, "high": 50}  # one alarm in so many mails
PRIOR = 50.0  # mails: what everybody's scores say weighs as much as so many of the sender's own
LATEST = 100  # mails whose scores are looked at by themselves
_STEP = 20  # an alarm takes half of a budget of 1 in 100 until it is earned again, more of a smaller one
_ALARMS = re.compile(r"(\d{1,4}) in (\d{1,6}) mails")


def alarms(value: object) -> float:
    """`1 in 100 mails`, or low, medium, high → a share of mails. ValueError says what to write instead."""
    if isinstance(value, str) and value in LEVELS:
        return 1 / LEVELS[value]
    found = _ALARMS.fullmatch(value) if isinstance(value, str) else None
    if found and 0 < int(found[1]) < int(found[2]):
        return int(found[1]) / int(found[2])
    raise ValueError(f'{value!r} is no number of alarms: write "1 in 100 mails", or low, medium or high')


def rarity(
    score: float, own: Sequence[float], usual: Sequence[tuple[float, float]], latest: Sequence[float] = ()
) -> float:
    """The share of a sender's mails that surprise as much as `score` or more.

    `own`: the scores of the sender's mails that were sent, sorted. `usual`: everybody's, as (share, score). `latest`:
    the last of `own` that came, sorted: when they surprise more than all of them did (a new post, a new project), they
    count, and nobody is asked twice as often for as long as the older ones are remembered. The mail itself is one of
    those that surprise so much, as in a conformal p-value: without it, whoever sent little is asked too often.
    """
    above = len(own) - bisect_left(own, score) + 1
    share = (above + PRIOR * _usually(score, usual)) / (len(own) + 1 + PRIOR)
    lately = len(latest) - bisect_left(latest, score)
    return max(share, (lately + PRIOR * share) / (len(latest) + PRIOR))


class Surprises:
    """How much the mails of one sender surprised, as they were sent, and how many alarms that was."""

    def __init__(self) -> None:
        self._new: list[float] = []  # most ledgers are never asked: what they would say is worked out when one is
        self._sorted: list[float] = []
        self._latest, self._latest_sorted = deque[float](), list[float]()
        self._rarities: list[float] = []  # of each when it came

    def add(self, score: float) -> None:
        self._new.append(score)

    def rarity(self, score: float, usual: Sequence[tuple[float, float]]) -> float:
        self.learn(usual)
        return rarity(score, self._sorted, usual, self._latest_sorted)

    def limit(self, alarms: float, usual: Sequence[tuple[float, float]]) -> float:
        """The rarity up to which the next mail is an alarm, when `alarms` is the share of mails that may be one.

        Adaptive conformal inference (Gibbs & Candès 2021), with the stated share as the highest limit: an alarm lowers
        it by `step * (1 - alarms)`, a mail without one raises it by `step * alarms`. So of any T mails in a row no more
        than `alarms * T + slack(alarms)` are alarms, however the mail changes.
        """
        self.learn(usual)
        limit, step, since = alarms, _step(alarms), 0
        for place, rare in enumerate(self._rarities):
            if rare <= alarms:  # no other can have been one
                limit = min(alarms, limit + step * alarms * (place - since))
                limit, since = limit - step * (rare <= limit), place
        return min(alarms, limit + step * alarms * (len(self._rarities) - since))

    def learn(self, usual: Sequence[tuple[float, float]]) -> None:
        """What was added; of hundreds of mails it takes milliseconds, and whoever asks needs it."""
        for score in self._new:
            self._rarities.append(rarity(score, self._sorted, usual, self._latest_sorted))
            insort(self._sorted, score)
            if len(self._latest) == LATEST:
                del self._latest_sorted[bisect_left(self._latest_sorted, self._latest.popleft())]
            self._latest.append(score)
            insort(self._latest_sorted, score)
        self._new.clear()


def slack(alarms: float) -> float:
    """Alarms beyond the stated share that there may be at most, in however many mails."""
    return alarms / _step(alarms) + 1


def _step(alarms: float) -> float:
    return sqrt(alarms) / _STEP


def _usually(score: float, usual: Sequence[tuple[float, float]]) -> float:
    """Between two known shares their logarithm is a straight line, and beyond the last it goes on."""
    if score <= usual[0][1]:
        return 1 if score < usual[0][1] - 4 else usual[0][0]
    at = next((at for at, (_, limit) in enumerate(usual) if limit > score), len(usual) - 1)
    (share, low), (next_share, high) = usual[at - 1], usual[at]
    slope = log(next_share / share) / max(high - low, 1e-6)
    return share * exp(max(slope * (score - low), -20.0))
