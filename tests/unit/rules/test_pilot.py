"""A pilot: a rule that acts for the senders of some groups, and is in audit for all others."""

from typing import cast

import pytest

from mailguard.mail.text import Text
from mailguard.records import Action, Mode, Verdict
from mailguard.rules.engine import explain
from mailguard.rules.facts import Facts
from tests.unit.rules.judge import HOLDS, facts, judge, pointed, problems, rule, rules

PILOT = rule("{recipients: {any: external}}", "[{hold: sender_confirms}]", enforce="{groups: [legal]}")


def sent(sender: str) -> Facts:
    return facts(sender=sender, to="kim@client.example")


def modes(verdict: Verdict) -> list[Mode]:
    return [hit.mode for hit in verdict.hits]


def test_it_acts_for_who_is_in_the_group() -> None:
    verdict = judge(PILOT, sent("lex@corp.example"))
    assert (verdict.action, modes(verdict)) == (Action.HOLD, [Mode.ENFORCE])


@pytest.mark.parametrize("sender", ["ann@corp.example", "<>", "stranger@client.example"])
def test_it_is_in_audit_for_everybody_else(sender: str) -> None:
    verdict = judge(PILOT, sent(sender))
    assert (verdict.action, modes(verdict)) == (Action.PASS, [Mode.AUDIT])


def test_several_groups_or_one_without_brackets() -> None:
    for groups in ("[nobody, executives]", "executives"):
        text = PILOT.replace("[legal]", groups)
        assert judge(text, sent("cleo@corp.example")).action is Action.HOLD  # an alias of the ceo
        assert judge(text, sent("lex@corp.example")).action is Action.PASS


def test_what_it_cannot_tell_holds_its_pilots_only() -> None:
    text = PILOT.replace("{recipients: {any: external}}", "{words: {any: [secret]}}")
    for sender, action in (("lex@corp.example", Action.HOLD), ("ann@corp.example", Action.PASS)):
        mail = sent(sender)
        mail.reading.text = cast("Text", None)  # the condition fails on it
        assert judge(text, mail).action is action


def test_its_stop_skips_nothing_for_others() -> None:
    text = PILOT.replace("[{hold: sender_confirms}]", "[{tag: x}]\n    stop: true")
    text += "  - {id: later, when: {always: true}, then: [{delay: 5m}]}\n"
    assert judge(text, sent("lex@corp.example")).action is Action.PASS
    assert judge(text, sent("ann@corp.example")).action is Action.DELAY


def test_off_is_off_for_pilots_too() -> None:
    assert judge(PILOT + "    mode: 'off'\n", sent("lex@corp.example")).hits == ()


def test_explain_says_the_mode_for_this_sender() -> None:
    for sender, mode in (("lex@corp.example", Mode.ENFORCE), ("ann@corp.example", Mode.AUDIT)):
        _, (report,) = explain(rules(PILOT), sent(sender), HOLDS)
        assert (report.mode, report.pilot, report.matched) == (mode, ("legal",), True)


@pytest.mark.parametrize(
    ("wrong", "code", "shown"),
    [
        ("{groups: [leagl]}", "MG205", "leagl"),
        ("{groups: leagl}", "MG205", "leagl"),
        ("{groups: [[legal]]}", "MG221", "[legal]"),
        ("{groups: []}", "MG107", "groups"),
        ("{}", "MG105", "enforce"),
        ("legal", "MG106", "legal"),
    ],
)
def test_a_group_that_is_not_there_is_an_error_at_its_place(wrong: str, code: str, shown: str) -> None:
    assert pointed(PILOT.replace("{groups: [legal]}", wrong)) == [(code, shown)]


def test_a_pilot_in_audit_is_a_contradiction() -> None:
    (problem,) = problems(PILOT + "    mode: audit\n")
    assert (problem.code, problem.line) == ("MG217", 7)
    assert "enforce" in problem.message
