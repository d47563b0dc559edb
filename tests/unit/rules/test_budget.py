"""A rule that takes longer than it may cannot tell; the others go on."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from mailguard.records import Action, Match, Need, Verdict
from mailguard.rules.actions import ACTIONS
from mailguard.rules.budget import OverBudget, Stopwatch
from mailguard.rules.condition import Condition
from mailguard.rules.engine import evaluate
from mailguard.rules.facts import Facts
from mailguard.rules.logic import All, Leaf
from mailguard.rules.rule import OnError, Rule, RuleSet
from tests.unit.rules.judge import HOLDS, facts

DELAY = ACTIONS["delay"].model_validate("5m")


@dataclass
class Processor:
    """Its time goes by when a condition says that it works."""

    seconds: float = 0.0
    busy: float = 0.0  # with something else
    asked: list[str] = field(default_factory=list)


CPU = Processor()


class Working(Condition):
    """Takes `takes` seconds each time, or reads in `reads` what is then there for all, or waits for the processor."""

    called = "working"
    name: str = "a"
    takes: float = 0.0
    reads: float = 0.0
    waits: float = 0.0
    needs: bool = False

    def match(self, facts: Facts) -> Match | None:
        CPU.asked.append(self.name)
        CPU.seconds += self.takes
        CPU.busy += self.waits
        facts.once("read", self._read)
        if self.needs:
            assert facts.contents is None
        return Match(self.name)

    def _read(self) -> bool:
        CPU.seconds += self.reads
        return True


@pytest.fixture(autouse=True)
def _anew() -> None:
    CPU.seconds = CPU.busy = 0.0
    CPU.asked.clear()


def one(name: str = "r", *conditions: Working, budget: float | None = None, on_error: str = "hold") -> Rule:
    leaves = [Leaf(each, each.name) for each in conditions]
    when = leaves[0] if len(leaves) == 1 else All(leaves)
    return Rule(name, when, (DELAY,), budget=budget, on_error=OnError(on_error))


def decided(*several: Rule, found: Facts | None = None, most: float = 10.0) -> tuple[Verdict, list[Any]]:
    troubles: list[Any] = []
    watch = Stopwatch(lambda: CPU.seconds + CPU.busy, lambda: CPU.seconds, most)
    verdict = evaluate(
        RuleSet(several), found or facts(), HOLDS, lambda rule, error: troubles.append((rule, type(error))), watch
    )
    return verdict, troubles


@pytest.mark.parametrize(("takes", "late"), [(0.1, False), (0.2, False), (0.3, True)])
def test_what_takes_longer_than_its_budget_cannot_tell(takes: float, late: bool) -> None:
    verdict, troubles = decided(one("slow", Working(takes=takes), budget=0.2), one("quick", Working()))
    assert (verdict.action is Action.HOLD) is late
    assert troubles == ([("slow", OverBudget)] if late else [])
    assert "quick" in verdict.rules
    assert [hold.rule for hold in verdict.holds] == (["slow"] if late else [])


@pytest.mark.parametrize(
    ("on_error", "action"), [("hold", Action.HOLD), ("delay", Action.DELAY), ("pass", Action.PASS)]
)
def test_on_error_says_what_becomes_of_it(on_error: str, action: Action) -> None:
    verdict, _ = decided(one("slow", Working(takes=1), budget=0.2, on_error=on_error))
    assert verdict.action is action


def test_the_first_that_reads_the_mail_is_not_slow_for_it() -> None:
    verdict, troubles = decided(one("first", Working(reads=5), budget=0.2), one("second", Working(), budget=0.2))
    assert troubles == []
    assert verdict.rules == ("first", "second")
    assert CPU.seconds == 5


def test_a_machine_that_is_busy_with_something_else_makes_no_rule_slow() -> None:
    assert decided(one("r", Working(waits=5), budget=0.2))[1] == []


def test_a_rule_is_cut_off_between_its_conditions() -> None:
    decided(one("slow", Working(name="a", takes=1), Working(name="b", takes=1), budget=0.2))
    assert CPU.asked == ["a", "a"]  # once with the reading, once without


def test_a_rule_without_a_budget_has_the_usual_one() -> None:
    assert decided(one("slow", Working(takes=11)))[1] == [("slow", OverBudget)]
    assert decided(one("slow", Working(takes=11), budget=60))[1] == []
    assert decided(one("slow", Working(takes=9)))[1] == []


def test_a_fact_that_came_too_late_for_one_rule_is_waited_for_by_a_more_patient_one() -> None:
    file = [{"name": "a.pdf", "size": 10}]
    found = facts(attach=file).knowing(late={Need.CONTENTS: 0.2})
    hasty, patient = (one(name, Working(name=name, needs=True), budget=b) for name, b in (("h", 0.2), ("p", 0.5)))
    verdict, troubles = decided(hasty, patient, found=found)
    assert troubles == [("h", OverBudget)]
    assert verdict.rules == ("h", "p")
    assert found.budget.wanted == {Need.CONTENTS: 0.5}
