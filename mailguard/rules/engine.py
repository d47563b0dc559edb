"""All rules are asked, the strictest wins: facts → hits → verdict."""

from collections.abc import Callable
from dataclasses import dataclass

from mailguard.records import Action, Hit, Match, Mode, Verdict
from mailguard.rules import template
from mailguard.rules.facts import Facts
from mailguard.rules.logic import Answer, No, Unsure
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


def evaluate(rules: RuleSet, facts: Facts, holds: HoldSettings, trouble: Trouble | None = None) -> Verdict:
    """The decision for this mail. Never raises for a rule: one that cannot tell does what its `on_error` says.

    `trouble` is told the rule and the exception of each that failed or could not tell, for the log.
    """
    fired: list[Fired] = []
    stopped = False
    for rule in rules.rules:
        if rule.mode is Mode.OFF or (stopped and rule.skippable):
            continue
        # failpoint: rules.asked
        answer = ask(rule, facts)
        if isinstance(answer, No):
            continue
        fired.append(_fired(rule, answer, facts))
        if isinstance(answer, Unsure):
            if trouble is not None:
                trouble(rule.id, answer.error)
        elif rule.stop and rule.mode is Mode.ENFORCE:
            stopped = True
    return combine(fired, facts, holds, rules.hash)


def explain(rules: RuleSet, facts: Facts, holds: HoldSettings) -> tuple[Verdict, list[RuleReport]]:
    """The verdict, and of every rule whether it matched and the fact that decided it."""
    stopped, reports = "", list[RuleReport]()
    for rule in rules.rules:
        if rule.mode is Mode.OFF:
            reports.append(RuleReport(rule.id, rule.mode, False, "switched off"))
            continue
        if stopped and rule.skippable:
            reports.append(RuleReport(rule.id, rule.mode, False, f"not asked: {stopped} ends with stop"))
            continue
        answer = ask(rule, facts)
        reports.append(_report(rule, answer, facts))
        if isinstance(answer, Match) and rule.stop and rule.mode is Mode.ENFORCE:
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


def _fired(rule: Rule, answer: Match | Unsure, facts: Facts) -> Fired:
    if isinstance(answer, Match):
        reason = template.fill(rule.explain, answer, facts) or answer.reason
        hit = Hit(rule.id, rule.mode, rule.action, reason, answer.recipients, rule.severity, answer.evidence)
        return Fired(rule, hit, answer)
    reason = f"the rule {rule.id} could not judge this mail"
    return Fired(rule, Hit(rule.id, rule.mode, _ON_ERROR[rule.on_error], reason, severity=rule.severity), None)


def _report(rule: Rule, answer: Answer, facts: Facts) -> RuleReport:
    if isinstance(answer, Match):
        return RuleReport(rule.id, rule.mode, True, template.fill(rule.explain, answer, facts) or answer.reason)
    if isinstance(answer, Unsure):
        return RuleReport(rule.id, rule.mode, None, answer.said)
    if answer.node is rule.unless:
        excuse = rule.unless.ask(facts)
        because = excuse.reason if isinstance(excuse, Match) else ""
        return RuleReport(rule.id, rule.mode, False, f"excepted: {because}")
    return RuleReport(rule.id, rule.mode, False, rule.when.miss(facts))
