"""Three values: true, false, cannot tell; and what a rule that cannot tell does."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mailguard.errors import CannotTell
from mailguard.records import Action, HoldKind, Match, OnExpiry
from mailguard.rules import condition as register
from mailguard.rules.condition import Condition, condition
from mailguard.rules.engine import evaluate, explain
from mailguard.rules.facts import Facts
from mailguard.rules.logic import No, Unsure
from mailguard.rules.settings import HoldSettings
from tests.unit.rules.judge import HOLDS, facts, judge, rule, rules

SECRET = "/etc/mailguard/password"


@pytest.fixture(autouse=True)
def _fake_conditions() -> Iterator[None]:
    """`say: yes | no | unsure | crash`, the only way to have all three values at will."""

    @condition("say")
    class Say(Condition):
        """Whatever it is told to say."""

        what: str = "no"
        about: str = ""

        def match(self, facts: Facts) -> Match | None:
            if self.what == "unsure":
                raise CannotTell("over budget")
            if self.what == "crash":
                raise RuntimeError(SECRET)
            return Match("said yes", frozenset({self.about} - {""})) if self.what == "yes" else None

    yield
    del register.REGISTER["say"]


T, F, U, X = ("{say: {what: yes}}", "{say: {what: no}}", "{say: {what: unsure}}", "{say: {what: crash}}")


@pytest.mark.parametrize(
    ("when", "answer"),
    [
        (T, Match), (F, No), (U, Unsure), (X, Unsure),
        (f"{{not: {T}}}", No), (f"{{not: {F}}}", Match), (f"{{not: {U}}}", Unsure),
        (f"{{all: [{T}, {T}]}}", Match), (f"{{all: [{T}, {F}]}}", No), (f"{{all: [{U}, {T}]}}", Unsure),
        (f"{{all: [{U}, {F}]}}", No), (f"{{all: [{F}, {X}]}}", No), (f"{{all: [{X}, {T}]}}", Unsure),
        (f"{{any: [{F}, {F}]}}", No), (f"{{any: [{F}, {T}]}}", Match), (f"{{any: [{U}, {F}]}}", Unsure),
        (f"{{any: [{U}, {T}]}}", Match), (f"{{any: [{X}, {T}]}}", Match),
        (f"[{F}, {T}]", Match), (f"[{F}, {F}]", No),
        ("{say: [{what: no}, {what: yes}]}", Match),
        (f"{{all: [{{any: [{U}, {T}]}}, {{not: {F}}}]}}", Match),
        (f"{{not: {{all: [{U}, {F}]}}}}", Match),
    ],
)  # fmt: skip
def test_kleene_logic(when: str, answer: type) -> None:
    assert isinstance(rules(rule(when)).rules[0].when.ask(facts()), answer)


@pytest.mark.parametrize(
    ("when", "unless", "matched"),
    [(T, F, True), (T, T, False), (T, U, None), (F, U, False), (U, F, None), (U, T, False), (U, U, None)],
)
def test_unless_is_and_not(when: str, unless: str, matched: bool | None) -> None:
    _, (report,) = explain(rules(rule(when, unless=unless)), facts(), HOLDS)
    assert report.matched is matched


def test_true_branches_unite_their_recipients_and_false_ones_add_none() -> None:
    one, two = "{say: {what: yes, about: a@x}}", "{say: {what: yes, about: b@x}}"
    for group in ("all", "any"):
        found = rules(rule(f"{{{group}: [{one}, {two}]}}")).rules[0].when.ask(facts())
        assert isinstance(found, Match)
        assert found.recipients == {"a@x", "b@x"}
    found = rules(rule(f"{{any: [{one}, {{say: {{what: no, about: c@x}}}}]}}")).rules[0].when.ask(facts())
    assert isinstance(found, Match)
    assert found.recipients == {"a@x"}


@pytest.mark.parametrize("broken", [U, X])
def test_a_rule_that_cannot_tell_holds_the_mail_by_itself(broken: str) -> None:
    verdict = judge(rule(broken), facts())
    assert verdict.action is Action.HOLD
    (hold,) = verdict.holds
    assert (hold.rule, hold.kind) == ("r", HoldKind.ERROR)
    assert "r" in hold.reason


@pytest.mark.parametrize("broken", [U, X])
def test_on_error_delay_waits_and_pass_passes(broken: str) -> None:
    assert judge(rule(broken, on_error="delay"), facts()).action is Action.DELAY
    verdict = judge(rule(broken, on_error="pass"), facts())
    assert (verdict.action, verdict.holds, dict(verdict.waits)) == (Action.PASS, (), {})


@pytest.mark.parametrize("on_error", ["hold", "delay", "pass"])
def test_an_audit_rule_never_acts_even_when_it_cannot_tell(on_error: str) -> None:
    verdict = judge(rule(X, mode="audit", on_error=on_error), facts())
    assert (verdict.action, verdict.holds, dict(verdict.waits)) == (Action.PASS, (), {})
    assert [hit.rule for hit in verdict.hits] == ["r"]
    assert verdict.rules == ()


def test_an_error_hold_never_ends_in_send() -> None:
    bold = HoldSettings(fallback="postmaster@corp.example", on_expiry=OnExpiry.SEND, expires=timedelta(hours=5))
    found = facts()
    (hold,) = judge(rule(X), found, bold).holds
    assert hold.on_expiry is OnExpiry.RETURN
    assert hold.expires_at == found.now + timedelta(hours=5)


def test_what_a_crash_says_is_told_to_the_log_and_to_nobody_else() -> None:
    told: list[tuple[str, Exception]] = []
    verdict = evaluate(rules(rule(X)), facts(), HOLDS, lambda name, error: told.append((name, error)))
    _, reports = explain(rules(rule(X)), facts(), HOLDS)
    assert SECRET not in f"{verdict} {reports}"
    assert [(name, str(error)) for name, error in told] == [("r", SECRET)]


def test_a_broken_rule_does_not_silence_the_others() -> None:
    text = f"rules:\n  - {{id: broken, when: {X}, then: [{{delay: 5m}}]}}\n"
    text += f"  - {{id: refuse, when: {T}, then: [{{reject: no}}]}}\n"
    assert judge(text, facts()).reject == "refuse: no"
