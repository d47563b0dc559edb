"""Conditions and actions of other packages: used by their names, and refused with the package's name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from mailguard.cli import cli
from mailguard.cli.common import Context
from mailguard.document.problem import Problem
from mailguard.errors import RuleError
from mailguard.records import Action, HoldKind, Verdict
from mailguard.rules.engine import evaluate, explain
from mailguard.rules.loader import load
from mailguard.rules.schema import json_schema
from tests.packages import Packages, forgotten
from tests.unit.rules.judge import HOLDS, PEOPLE, facts, rule

Install = Callable[..., None]
HEAD = "from mailguard.plugin import *\n"
LOUD = (
    HEAD
    + '''
class Loud(Condition):
    """The subject shouts."""
    at_least: int = 2
    """How loud."""
    def match(self, facts: Facts) -> Match | None:
        loud = facts.subject.count("!")
        return Match(f"{loud} exclamation marks") if loud >= self.at_least else None
'''
)
PAUSE = HEAD + "\nclass Pause(CompoundAction):\n    minutes: int\n    def means(self):\n        return {means}\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    with forgotten():
        yield Packages(folder).lay


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "r.yaml").write_text(text)
    return tmp_path / "r.yaml"


def found(tmp_path: Path, text: str) -> list[Problem]:
    with pytest.raises(RuleError) as raised:
        load([written(tmp_path, text)], PEOPLE)
    return [problem for problem in raised.value.problems if isinstance(problem, Problem)]


def judged(tmp_path: Path, text: str, subject: str = "Hello!!") -> Verdict:
    return evaluate(load([written(tmp_path, text)], PEOPLE), facts(to="kim@client.example", subject=subject), HOLDS)


SHOUTS = rule("{loud: {at_least: 2}}", "[{hold: sender_confirms}]")


def test_a_condition_is_asked_like_any_other(install: Install, tmp_path: Path) -> None:
    install("acme_loud", LOUD, "loud = acme_loud:Loud")
    assert judged(tmp_path, SHOUTS).action is Action.HOLD
    assert judged(tmp_path, SHOUTS, "Hello!").action is Action.PASS
    rules = load([tmp_path / "r.yaml"], PEOPLE)
    (report,) = explain(rules, facts(subject="Hello!!"), HOLDS)[1]
    assert report.reason == "2 exclamation marks"


def test_a_mistake_in_its_keys_has_its_place(install: Install, tmp_path: Path) -> None:
    install("acme_loud", LOUD, "loud = acme_loud:Loud")
    (problem,) = found(tmp_path, rule("{loud: {at_last: 2}}"))
    assert (problem.code, problem.line, problem.help) == ("MG103", 4, 'did you mean "at_least"?')


def test_the_schema_completes_its_keys(install: Install) -> None:
    install("acme_loud", LOUD, "loud = acme_loud:Loud")
    defs = json_schema()["$defs"]
    assert defs["condition.loud"]["description"] == "The subject shouts."
    assert defs["condition.loud"]["properties"]["at_least"]["description"] == "How loud."
    assert "loud" in defs["when"]["anyOf"][0]["properties"]


def test_an_action_does_what_it_stands_for(install: Install, tmp_path: Path) -> None:
    means = '[{"delay": f"{self.minutes}m"}, {"tag": ["paused"]}]'
    install("acme_pause", PAUSE.format(means=means), "pause = acme_pause:Pause", "actions")
    verdict = judged(tmp_path, rule("{recipients: {any: external}}", "[{pause: {minutes: 7}}, {notify: sender}]"))
    assert (verdict.action, verdict.tags, len(verdict.notify)) == (Action.DELAY, ("paused",), 1)
    assert "minutes" in json_schema()["$defs"]["action.pause"]["properties"]


@pytest.mark.parametrize(
    ("means", "said"),
    [
        ('[{"delay": "7x"}]', "stands for something wrong: "),
        ('[{"hold": {"until": {"approved_by": ["kim@client.example"]}}}]', "outside the organization"),
        ('[{"pause": {"minutes": 3}}]', "not mailguard's own"),
        ("[]", "stands for nothing"),
        ("1 / 0", "fails on this: ZeroDivisionError"),
        ("3", "fails on this: TypeError"),
    ],
)
def test_an_action_that_stands_for_nonsense_is_an_error_where_it_is_used(
    install: Install, tmp_path: Path, means: str, said: str
) -> None:
    install("acme_pause", PAUSE.format(means=means), "pause = acme_pause:Pause", "actions")
    problems = found(tmp_path, rule("{always: true}", "[{delay: 1m}, {pause: {minutes: 7}}]"))
    assert {(problem.code, problem.line) for problem in problems} == {("MG223", 5)}
    assert said in problems[0].message


def test_two_holds_are_two_even_if_one_is_of_a_package(install: Install, tmp_path: Path) -> None:
    install("acme_pause", PAUSE.format(means='[{"hold": "sender_confirms"}]'), "pause = acme_pause:Pause", "actions")
    (problem,) = found(tmp_path, rule("{always: true}", "[{hold: sender_confirms}, {pause: {minutes: 7}}]"))
    assert (problem.code, problem.message) == ("MG217", "two hold actions in one rule")


@pytest.mark.parametrize(
    ("code", "point", "said"),
    [
        ("import nowhere_to_be_found", "loud = acme_loud:Loud", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "loud = acme_loud:Loud", "SystemExit"),
        ("this is no Python", "loud = acme_loud:Loud", "SyntaxError"),
        (HEAD, "loud = acme_loud:Loud", "AttributeError"),
        (LOUD, "words = acme_loud:Loud", 'there is a condition "words" already, of mailguard itself'),
        (LOUD, "Very-Loud = acme_loud:Loud", "can't be the name of a condition"),
        (LOUD, "any = acme_loud:Loud", "can't be the name of a condition"),
        ("class Loud: pass", "loud = acme_loud:Loud", "is no condition"),
        ("Loud = 7", "loud = acme_loud:Loud", "is no condition"),
        (PAUSE.format(means="[]"), "loud = acme_loud:Pause", "is no condition"),
        (HEAD + "class Loud(Condition):\n    pass", "loud = acme_loud:Loud", "does not say what the condition does"),
        (LOUD + "    what: Callable = 1\n", "loud = acme_loud:Loud", "NameError"),
        (LOUD + "    what: type[Facts] = Facts\n", "loud = acme_loud:Loud", "has no JSON schema"),
        (LOUD, "loud = acme_loud:Loud\nlouder = acme_loud:Loud", 'is called "loud" already'),
    ],
)
def test_what_cannot_be_used_is_an_error_that_names_the_package(
    install: Install, tmp_path: Path, code: str, point: str, said: str
) -> None:
    install("acme_loud", code, point)
    (problem,) = found(tmp_path, rule("{always: true}"))
    assert (problem.code, problem.severity) == ("MG223", "error")
    assert "acme_loud 1.0" in problem.path
    assert said in problem.message
    assert problem.help
    with pytest.raises(RuleError):
        json_schema()


def test_of_two_packages_with_one_name_the_second_is_told_of_the_first(install: Install, tmp_path: Path) -> None:
    install("acme_loud", LOUD, "loud = acme_loud:Loud")
    install("acme_other", LOUD, "loud = acme_other:Loud")
    (problem,) = found(tmp_path, rule("{always: true}"))
    assert problem.path.startswith("acme_other 1.0")
    assert "of acme_loud 1.0" in problem.message


def test_what_is_mended_is_taken_at_the_next_load(install: Install, tmp_path: Path) -> None:
    install("acme_loud", "import nowhere_to_be_found", "loud = acme_loud:Loud")
    assert found(tmp_path, SHOUTS)
    (tmp_path / "site-packages" / "acme_loud.py").write_text(LOUD + "# mended\n")
    assert judged(tmp_path, SHOUTS).action is Action.HOLD


@pytest.mark.parametrize(
    "body", ["1 / 0", "raise KeyError('the secret text')", "return True", "return 'yes'", "return Match(1, 2, 3)"]
)
def test_one_that_fails_on_a_mail_holds_it_by_the_name_of_its_rule(install: Install, tmp_path: Path, body: str) -> None:
    code = LOUD + f"\nclass Bad(Condition):\n    def match(self, facts):\n        {body}\n"
    install("acme_loud", code, "bad = acme_loud:Bad\nloud = acme_loud:Loud")
    text = rule("{bad: {}}", "[{delay: 5m}]") + "  - {id: other, when: {loud: {}}, then: [{tag: [heard]}]}\n"
    verdict = judged(tmp_path, text)
    assert [(hold.rule, hold.kind) for hold in verdict.holds] == [("r", HoldKind.ERROR)]
    assert "secret" not in verdict.holds[0].reason
    assert verdict.tags == ("heard",), "the other rules go on"


def test_one_that_cannot_say_why_not_is_still_false(install: Install, tmp_path: Path) -> None:
    install("acme_loud", LOUD + "    def miss(self, facts):\n        1 / 0\n", "loud = acme_loud:Loud")
    (report,) = explain(load([written(tmp_path, SHOUTS)], PEOPLE), facts(subject="Hello"), HOLDS)[1]
    assert report.matched is False
    assert "ZeroDivisionError" in report.reason


@pytest.mark.parametrize("where", ["def bind(self, binder)", "@property\n    def cost(self)"])
def test_one_that_fails_when_rules_are_loaded_is_an_error_at_its_place(
    install: Install, tmp_path: Path, where: str
) -> None:
    install("acme_loud", LOUD + f"    {where}:\n        1 / 0\n", "loud = acme_loud:Loud")
    (problem,) = found(tmp_path, SHOUTS)
    assert (problem.code, problem.line) == ("MG223", 4)
    assert "the condition loud fails on this: ZeroDivisionError" in problem.message


def test_check_says_it_with_the_package(install: Install, tmp_path: Path) -> None:
    install("acme_loud", "import nowhere_to_be_found", "loud = acme_loud:Loud")
    path = written(tmp_path, SHOUTS)
    said = CliRunner().invoke(cli, ["check", str(path)], obj=Context(), env={"MAILGUARD_CONFIG": ""})
    assert said.exit_code == 1
    assert "acme_loud 1.0 (mailguard.conditions: loud): error[MG223]: acme_loud:Loud cannot be imported" in said.stdout


def test_what_it_says_can_neither_drive_a_terminal_nor_break_xml(install: Install, tmp_path: Path) -> None:
    install("acme_loud", LOUD.replace("exclamation", "\\x1b[2J\\x00"), "loud = acme_loud:Loud")
    written(tmp_path, SHOUTS)
    test = "tests: [{name: a, message: {to: a@b.example, subject: Hi!!}, expect: {verdict: pass}}]\n"
    (tmp_path / "r.test.yaml").write_text(test)
    arguments = ["test", "--junit", str(tmp_path / "junit.xml"), str(tmp_path / "r.test.yaml")]
    said = CliRunner().invoke(cli, arguments, obj=Context(), env={"MAILGUARD_CONFIG": ""})
    assert "why: r: 2 �[2J� marks" in said.stdout
    assert "marks" in (ElementTree.parse(tmp_path / "junit.xml").getroot().findtext(".//failure") or "")
