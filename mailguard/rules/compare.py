"""What two versions of the rules say of the same tests: the verdicts that change, and how well rules are tested."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailguard.document.units import short
from mailguard.errors import CannotTell
from mailguard.records import Verdict
from mailguard.rules.changes import said
from mailguard.rules.engine import RuleReport
from mailguard.rules.facts import Facts
from mailguard.rules.tester import Result, Setting, judged, longest, prepared, recipient_action


@dataclass(frozen=True, slots=True)
class Change:
    """A test's mail, and what is said of it by the old rules and the new; the same words when nothing changed."""

    path: str
    line: int
    name: str
    before: str
    after: str


@dataclass
class Coverage:
    """In how many tests a rule matched, and in how many it was asked and did not."""

    hits: int = 0
    misses: int = 0


def changes(path: Path, old: Path, setting: Setting, wanted: Callable[[str], object]) -> list[Change]:
    """Every wanted test by the rules of its own folder and by those of the folder `old`. Raises ConfigError."""
    new, past = prepared(path, setting), prepared(path, setting, old)
    found = []
    for number, case in enumerate(new.file.tests):
        if not wanted(case.name):
            continue
        try:
            before, after = _said(*judged(case, past, setting)), _said(*judged(case, new, setting))
        except CannotTell as error:
            before = after = f"cannot be read: {error}"
        found.append(Change(str(path), new.line(number), case.name, before, after))
    return found


def coverage(results: Iterable[Result]) -> dict[str, Coverage]:
    """Of each rule the tests were run against."""
    found: dict[str, Coverage] = {}
    for result in results:
        for name, matched in result.matched.items():
            one = found.setdefault(name, Coverage())
            one.hits += matched is True
            one.misses += matched is False
    return found


def _said(verdict: Verdict, reports: Sequence[RuleReport], facts: Facts) -> str:
    """Verdict, who waits how long, who is added, what is edited, and which rules matched: what a change may show in."""
    wait = longest(verdict, facts.now)
    words = [verdict.action.name.lower() + (f" {short(wait)}" if wait else "")]
    fates = {key: recipient_action(verdict, key, facts) for key in facts.recipients}
    if len(set(fates.values())) > 1:
        words.append(", ".join(f"{key}: {fate}" for key, fate in fates.items()))
    if added := sorted(copy.address for copy in verdict.added):
        words.append(f"added {', '.join(added)}")
    words += said(verdict.edits)
    fired = [report.id for report in reports if report.matched is not False]
    return "; ".join([*words, f"by {', '.join(fired)}" if fired else "no rule"])
