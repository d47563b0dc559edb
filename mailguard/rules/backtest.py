"""What rules would have decided about past mail, next to what was decided: counted by verdict, person, day and rule."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from statistics import median

from mailguard.errors import NotKept
from mailguard.mail import address
from mailguard.records import Action, Hit, Mode, Verdict
from mailguard.rules.engine import evaluate
from mailguard.rules.facts import Facts
from mailguard.rules.rule import RuleSet
from mailguard.rules.settings import HoldSettings

LOUDEST = 10

Day = tuple[str, date]  # a person and a day of the organization's calendar


@dataclass(frozen=True, slots=True)
class Ruling:
    """What rules made of one mail; `told` are those who would have had a notice, each as often."""

    action: Action
    hits: tuple[Hit, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def because(self) -> tuple[str, ...]:
        """The rules behind the action."""
        return tuple(hit.rule for hit in self.hits if _acts(hit) and hit.action is self.action is not Action.PASS)


@dataclass(frozen=True, slots=True)
class Trial:
    """One past mail: what was decided about it (None: by nothing) and what would be. `unjudged` are the new rules
    that ask for what was not kept of it: both rulings leave them out.
    """

    name: str  # a queue id, or a file
    sender: str  # key
    at: datetime
    old: Ruling | None
    new: Ruling
    unjudged: frozenset[str] = frozenset()

    @property
    def changed(self) -> bool:
        return self.old is not None and self.old.action is not self.new.action


def ruling(hits: Iterable[Hit], told: Iterable[str] = (), without: Iterable[str] = ()) -> Ruling:
    """The strictest of the hits decides; rules in `without` are left out."""
    left_out = frozenset(without)
    kept = tuple(hit for hit in hits if hit.rule not in left_out)
    action = max((hit.action for hit in kept if _acts(hit)), default=Action.PASS)
    return Ruling(action, kept, tuple(told))


def _acts(hit: Hit) -> bool:
    return hit.mode is Mode.ENFORCE


def retry(rules: RuleSet, facts: Facts, holds: HoldSettings) -> tuple[Verdict, frozenset[str]]:
    """The verdict of the rules that can be asked, and those that cannot: what they ask for was not kept."""
    unjudged: set[str] = set()

    def trouble(rule: str, error: Exception) -> None:
        if isinstance(error, NotKept):
            unjudged.add(rule)

    verdict = evaluate(rules, facts, holds, trouble)
    if not unjudged:
        return verdict, frozenset()
    judged = replace(rules, rules=tuple(rule for rule in rules.rules if rule.id not in unjudged))
    return evaluate(judged, facts, holds), frozenset(unjudged)


@dataclass(frozen=True, slots=True)
class Spread:
    """How much of something came to one person on one day they wrote mail: in the middle, and at worst to whom."""

    total: int
    median: float
    worst: int
    person: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Loud:
    """How often one rule matched, and what that did."""

    rule: str
    fired: int
    held: int  # holds and rejects
    delayed: int
    audit: int  # only recorded


@dataclass
class Report:
    """Everything that is said of a run. `zone` is where days begin."""

    zone: tzinfo
    mails: int = 0
    first: datetime | None = None
    last: datetime | None = None
    changed: list[Trial] = field(default_factory=list)
    verdicts: Counter[tuple[Action | None, Action]] = field(default_factory=Counter)
    unjudged: Counter[str] = field(default_factory=Counter)  # rule -> mails it could not be asked about
    _active: set[Day] = field(default_factory=set)
    _held: Counter[Day] = field(default_factory=Counter)
    _held_before: Counter[Day] = field(default_factory=Counter)
    _told: Counter[Day] = field(default_factory=Counter)
    _rules: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, trial: Trial) -> None:
        self.mails += 1
        self.first = min(self.first or trial.at, trial.at)
        self.last = max(self.last or trial.at, trial.at)
        self.unjudged.update(trial.unjudged)
        self.verdicts[trial.old.action if trial.old else None, trial.new.action] += 1
        if trial.changed:
            self.changed.append(trial)
        day = trial.at.astimezone(self.zone).date()
        own = (trial.sender, day)
        self._active.add(own)
        self._held[own] += trial.new.action >= Action.HOLD
        self._held_before[own] += trial.old is not None and trial.old.action >= Action.HOLD
        self._told.update((address.key(person), day) for person in trial.new.told)
        for hit in trial.new.hits:
            self._count(hit)

    def _count(self, hit: Hit) -> None:
        counts = self._rules.setdefault(hit.rule, Counter())
        counts["fired"] += 1
        if not _acts(hit):
            counts["audit"] += 1
        elif hit.action >= Action.HOLD:
            counts["held"] += 1
        elif hit.action is Action.DELAY:
            counts["delayed"] += 1

    @property
    def people(self) -> int:
        return len({person for person, _ in self._active})

    @property
    def days(self) -> int:
        """From the first mail's day to the last one's."""
        if self.first is None or self.last is None:
            return 0
        return (self.last.astimezone(self.zone).date() - self.first.astimezone(self.zone).date()).days + 1

    @property
    def compared(self) -> bool:
        """Whether there was anything to compare with."""
        return any(old is not None for old, _ in self.verdicts)

    @property
    def holds(self) -> Spread:
        return self._spread(self._held)

    @property
    def holds_before(self) -> Spread:
        return self._spread(self._held_before)

    @property
    def notices(self) -> Spread:
        """Also of people who wrote nothing that day: approvers are asked about the mail of others."""
        return self._spread(self._told)

    @property
    def loudest(self) -> Sequence[Loud]:
        """The rules that stop most mail, then those that delay most, then those that match most."""
        rules = [
            Loud(rule, counts["fired"], counts["held"], counts["delayed"], counts["audit"])
            for rule, counts in self._rules.items()
        ]
        return sorted(rules, key=lambda one: (-one.held, -one.delayed, -one.fired, one.rule))[:LOUDEST]

    def _spread(self, counts: Counter[Day]) -> Spread:
        days = {*self._active, *(day for day, count in counts.items() if count)}
        if not days:
            return Spread(0, 0, 0)
        person, day = min(days, key=lambda one: (-counts[one], one[1], one[0]))
        middle = median(counts[one] for one in days)
        if not counts[person, day]:
            return Spread(0, 0, 0)
        return Spread(counts.total(), middle, counts[person, day], person, day)
