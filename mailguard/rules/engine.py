"""All rules are asked, the strictest wins: facts → hits → verdict."""

from collections.abc import Callable
from dataclasses import dataclass

from mailguard.locale.sayings import saying
from mailguard.records import Action, Hit, Match, Mode, Verdict
from mailguard.rules import template
from mailguard.rules.budget import OverBudget, Stopwatch
from mailguard.rules.facts import Facts
from mailguard.rules.logic import LATE, Answer, No, Unsure
from mailguard.rules.rule import Fired, OnError, Rule, RuleSet
from mailguard.rules.settings import HoldSettings
from mailguard.rules.verdict import combine

Trouble = Callable[[str, Exception], None]
_ON_ERROR = {OnError.HOLD: Action.HOLD, OnError.DELAY: Action.DELAY, OnError.PASS: Action.PASS}


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What one rule said of a mail, for `explain`: true, false, or None: could not tell."""

    id: str
    mode: Mode
    matched: bool | None
    reason: str
    pilot: tuple[str, ...] = ()  # the groups it is enforced for; `mode` is the one for this mail's sender


def evaluate(
    rules: RuleSet,
    facts: Facts,
    holds: HoldSettings,
    trouble: Trouble | None = None,
    watch: Stopwatch = Stopwatch(),  # noqa: B008 - frozen
) -> Verdict:
    """The decision for this mail. Never raises for a rule: one that cannot tell does what its `on_error` says.

    `trouble` is told the rule and the exception of each that failed or could not tell, for the log. `watch` measures
    the rules; without one none is ever late.
    """
    fired: list[Fired] = []
    stopped = False
    for rule in rules.rules:
        if rule.mode is Mode.OFF or (stopped and rule.skippable):
            continue
        when = rule.when
        if when.sought and facts.lacks(when.sought):  # most of a large rule set: its words are not there
            continue
        if when.gate in facts.denied:
            continue
        # failpoint: rules.asked
        answer = _in_time(rule, facts, watch)
        if isinstance(answer, No):
            continue
        mode = rule.mode_for(facts)
        fired.append(_fired(rule, mode, answer, facts))
        if isinstance(answer, Unsure):
            if trouble is not None:
                trouble(rule.id, answer.error)
        elif rule.stop and mode is Mode.ENFORCE:
            stopped = True
    return combine(fired, facts, holds, rules.hash)


def explain(rules: RuleSet, facts: Facts, holds: HoldSettings) -> tuple[Verdict, list[RuleReport]]:
    """The verdict, and of every rule whether it matched and the fact that decided it."""
    stopped, reports = "", list[RuleReport]()
    for rule in rules.rules:
        mode = rule.mode_for(facts)
        if mode is Mode.OFF:
            reports.append(RuleReport(rule.id, mode, False, saying("switched off"), rule.pilot))
            continue
        if stopped and rule.skippable:
            reports.append(
                RuleReport(rule.id, mode, False, saying("not asked: {rule} ends with stop", rule=stopped), rule.pilot)
            )
            continue
        matched, reason = _said(rule, ask(rule, facts), facts)
        reports.append(RuleReport(rule.id, mode, matched, reason, rule.pilot))
        if matched and rule.stop and mode is Mode.ENFORCE:
            stopped = rule.id
    return evaluate(rules, facts, holds), reports


def ask(rule: Rule, facts: Facts) -> Answer:
    """`when` and not `unless`: a false `when` decides alone, then a true `unless`, then what cannot be told."""
    answer = rule.when.ask(facts)
    if isinstance(answer, No) or rule.unless is None:
        return answer
    excuse = rule.unless.ask(facts)
    if isinstance(excuse, Match):
        return No(rule.unless)
    return excuse if isinstance(excuse, Unsure) else answer


def _in_time(rule: Rule, facts: Facts, watch: Stopwatch) -> Answer:
    """The answer, or that there was none within the rule's budget.

    The first rule that asks reads the mail for all others too, and the machine may be busy with something else. That
    makes no rule a slow one: what is over its budget is asked once more, by what the processor spends on it.
    """
    for meter in (watch.passed, watch.spent):
        facts.budget.begin(rule.budget, watch.most, meter)
        answer = ask(rule, facts)
        if not facts.budget.over:
            return answer
    return Unsure(LATE, OverBudget(LATE))


def _fired(rule: Rule, mode: Mode, answer: Match | Unsure, facts: Facts) -> Fired:
    if isinstance(answer, Match):
        reason = template.explained(rule.explain, answer, facts)
        hit = Hit(rule.id, mode, rule.action, reason, answer.recipients, rule.severity, answer.evidence)
        return Fired(rule, hit, answer)
    reason = saying("the rule {rule} could not judge this mail", rule=rule.id)
    return Fired(rule, Hit(rule.id, mode, _ON_ERROR[rule.on_error], reason, severity=rule.severity), None)


def _said(rule: Rule, answer: Answer, facts: Facts) -> tuple[bool | None, str]:
    if isinstance(answer, Match):
        return True, template.explained(rule.explain, answer, facts)
    if isinstance(answer, Unsure):
        return None, answer.said
    if answer.node is rule.unless:
        excuse = rule.unless.ask(facts)
        return False, saying("excepted: {reason}", reason=excuse.reason if isinstance(excuse, Match) else "")
    return False, rule.when.miss(facts)
