"""Rules and their holds in numbers, counted at most every five minutes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailguard.clock import Clock
from mailguard.people import People
from mailguard.records import Event, Fate, RuleHold, RuleTally
from mailguard.store.base import Store

DAYS = 30
_FRESH = timedelta(minutes=5)
# what a hold came to, as the plots tell it: it changed what left, it did not, nobody answered, it still waits
OUTCOMES = (
    (Fate.CANCELLED, Fate.EDITED, Fate.DROPPED),
    (Fate.UNCHANGED,),
    (Fate.UNANSWERED,),
    (Fate.OPEN,),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the last DAYS."""

    at: datetime
    tallies: Mapping[str, RuleTally]
    holds: tuple[RuleHold, ...]
    versions: tuple[Event, ...]  # of the rules, the latest first


@dataclass
class Counting:
    """Reading all mail of a month takes a while: two who ask at once wait for one count."""

    store: Store
    clock: Clock
    _last: Figures | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def figures(self) -> Figures:
        async with self._lock:
            now = self.clock.now()
            if self._last is None or now - self._last.at >= _FRESH:
                since = now - timedelta(days=DAYS)
                tallies = {tally.rule: tally for tally in await self.store.tallies(since)}
                holds = tuple(await self.store.rule_holds(since))
                self._last = Figures(now, tallies, holds, tuple(await self.store.changes("rules.changed", 10)))
            return self._last


def daily(holds: Iterable[RuleHold], days: Sequence[str], day: Callable[[datetime], str]) -> list[list[int]]:
    """Of each day how many holds came to each outcome."""
    counts = Counter((day(hold.at), _outcome(hold.fate)) for hold in holds)
    return [[counts[name, outcome] for outcome in range(len(OUTCOMES))] for name in days]


def disturbed(holds: Iterable[RuleHold], people: People, smallest: int) -> list[tuple[str, int, float]]:
    """(group, its people, holds per person), the most disturbed first; no group so small that it is about persons.

    Also none that with one shown group makes such a small rest: who is in both can be told from the difference.
    """
    counts = Counter(people.canonical(hold.person) for hold in holds)
    shown: list[frozenset[str]] = []
    found = []
    for group, members in sorted(people.groups.items(), key=lambda one: (-len(one[1]), one[0])):
        who = frozenset(map(people.canonical, members))
        if len(who) < smallest or any(0 < len(who ^ other) < smallest for other in shown):
            continue
        shown.append(who)
        found.append((group, len(who), sum(counts[one] for one in who) / len(who)))
    return sorted(found, key=lambda one: (-one[2], one[0]))


def _outcome(fate: Fate) -> int:
    return next(number for number, fates in enumerate(OUTCOMES) if fate in fates)
