"""Warnings about rules that are hardly meant: each with its near miss, and none about the shipped policy."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from mailguard.cli import cli
from mailguard.cli.common import Context
from mailguard.cli.packaged import default_rules
from mailguard.demo import site
from mailguard.people import empty
from mailguard.rules.lint import lint
from mailguard.rules.loader import load
from tests.unit.rules.judge import CORP, PEOPLE, rules

OUT = "{recipients: {any: external}}"
BOTH = "{recipients: {any: external}, words: {any: [secret]}}"
SHORT = "{id: b, when: {words: {any: [WORD]}}, then: [{delay: 5m}]}"


def found(*written: str, lists: str = "{}") -> set[tuple[str, str]]:
    """Code and rule or list of each warning, but for missing tests."""
    text = f"lists: {lists}\nrules:\n" + "".join(f"  - {one}\n" for one in written)
    return {(p.code, p.context.split()[1]) for p in lint(rules(text), PEOPLE) if p.code != "MG256"}


def made(name: str, when: str, then: str = "[{delay: 5m}]", more: str = "") -> str:
    return f"{{id: {name}, when: {when}, then: {then}{more}}}"


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (made("a", OUT, "[{tag: x}]", ", stop: true"), made("b", BOTH), "MG251"),
        (made("a", "{always: true}", "[{tag: x}]", ", stop: true"), made("b", BOTH), "MG251"),
        (made("a", OUT, "[{tag: x}]"), made("b", OUT), "MG252"),
        (made("a", OUT), made("b", BOTH, "[{delay: 2m}]"), "MG253"),
        (made("a", OUT), made("b", BOTH, "[{tag: x}, {delay: 5m}]"), "MG253"),
        (made("a", OUT), made("b", "{sender: {group: nobody}}"), "MG255"),
        (made("a", OUT), made("b", "{to: {any: {all: [internal, external]}}}"), "MG255"),
        (made("a", OUT), made("b", "{cc: {any: external, none: external}}"), "MG255"),
        (made("a", OUT), made("b", "{cc: {any: external, all: internal}}"), "MG255"),
        (made("a", OUT), made("b", "[{sender: {group: nobody}}, {cc: {all: {group: nobody}}}]"), "MG255"),
        (made("a", OUT), made("b", BOTH, "[{delay: 9m}]", f", unless: {OUT}"), "MG255"),
        (made("a", OUT), SHORT.replace("WORD", "x1"), "MG254"),
        (made("a", OUT), made("b", BOTH, "[{tag: x}]", ", unless: {not: {words: {any: [x1]}}}"), "MG254"),
        (made("a", OUT), made("b", BOTH, "[{tag: x}]", ", enforce: {groups: [nobody]}"), "MG255"),
        (made("a", OUT), made("b", BOTH, "[{hold: {until: {approved_by: bos@corp.example}}}]"), "MG257"),
        (made("a", OUT), made("b", BOTH, "[{hold: {until: {approved_by: [{group: nobody}]}}}]"), "MG257"),
        (made("a", OUT), made("b", BOTH, "[{notify: {to: [bos@corp.example, sender]}}]"), "MG257"),
        (made("a", OUT), made("b", BOTH, "[{bcc: bos@corp.example}]"), "MG257"),
        (made("a", OUT), made("b", "{missing: [bos@corp.example]}"), "MG257"),
        (made("a", OUT), made("b", "{sender: {in: [bos@corp.example]}}"), "MG257"),
    ],
)
def test_what_is_hardly_meant_is_said(first: str, second: str, code: str) -> None:
    assert found(first, second) == {(code, "b")}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (made("a", BOTH, "[{tag: x}]", ", stop: true"), made("b", OUT)),  # the first asks more
        (made("a", OUT, "[{tag: x}]", ", stop: true"), made("b", BOTH, "[{hold: sender_confirms}]")),  # never skipped
        (made("a", OUT, "[{tag: x}]", ", stop: true, mode: audit"), made("b", BOTH)),
        (made("a", OUT, "[{tag: x}]", ", stop: true, unless: {message: {is: reply}}"), made("b", BOTH)),
        (made("b", BOTH), made("a", OUT, "[{tag: x}]", ", stop: true")),  # comes before
        (made("a", OUT, more=", mode: audit"), made("b", OUT)),  # a trial beside its twin
        (made("a", OUT), made("b", OUT, more=", unless: {message: {is: reply}}, mode: 'off'")),
        (made("a", OUT), made("b", BOTH, "[{delay: 6m}]")),
        (made("a", OUT, "[{delay: {for: 5m, copies: matching}}]"), made("b", BOTH, "[{delay: 2m}]")),
        (made("a", OUT), made("b", BOTH, "[{delay: {for: 2m, shorten: nobody}}]")),
        (made("a", OUT), made("b", BOTH, "[{delay: {until: '08:00'}}]")),
        (made("a", OUT), made("b", "{sender: {group: executives}}")),
        (made("a", OUT), made("b", "[{sender: {group: nobody}}, {sender: {group: legal}}]")),
        (made("a", OUT), made("b", "{not: {sender: {group: nobody}}}")),
        (made("a", OUT), made("b", "{cc: {any: external, none: freemail}}")),
        (made("a", OUT), SHORT.replace("WORD", "NDA")),
        (made("a", OUT, more=", enforce: {groups: [legal]}"), made("b", OUT, more=", mode: audit")),
        (made("a", OUT, "[{tag: x}]", ", stop: true, enforce: {groups: [legal]}"), made("b", BOTH)),
        (made("a", OUT, more=", enforce: {groups: [legal]}"), made("b", BOTH, "[{delay: 2m}]")),
        (made("a", OUT), made("b", BOTH, "[{tag: x}]", ", enforce: {groups: [nobody, legal]}")),
        (made("a", OUT), made("b", BOTH, "[{hold: {until: {approved_by: [boss@corp.example, {group: legal}]}}}]")),
        (made("a", OUT), made("b", BOTH, "[{hold: {until: {approved_by: manager_of_sender}}}]")),
        (made("a", OUT), made("b", BOTH, "[{cc: {add: [Cleo@corp.example, everyone@corp.example, pa@corp.example]}}]")),
        (made("a", OUT), made("b", "{words: {any: [bos@corp.example]}}")),
        (made("a", OUT), made("b", "{sender: {in: ['*@corp.example', bos@client.example]}}")),
        (made("a", OUT), SHORT.replace("WORD", "秘")),
    ],
)
def test_what_may_be_meant_is_not(first: str, second: str) -> None:
    assert found(first, second) == set()


def test_a_short_word_of_a_list_counts_where_words_are_looked_for() -> None:
    words = made("a", "{words: {list: w, ignore: i}}")
    assert found(words, lists="{w: [secret, ab], i: [cd]}") == {("MG254", "w")}
    assert found(words, lists="{w: {words: [ab]}, i: [cd]}") == {("MG254", "w")}


def test_a_word_in_a_word_processors_quotes_is_said() -> None:
    """To YAML they are letters: “vertraulich” would never be found in a mail that says vertraulich."""
    words = made("a", "{words: {any: [“vertraulich”, don’t]}}")
    assert found(words) == {("MG254", "a")}
    assert found(made("a", "{words: {any: [clients’]}}")) == set()
    assert found(made("a", "{words: {list: w}}"), lists="{w: [secret, „geheim“]}") == {("MG254", "w")}


def test_a_rule_without_a_test_is_said_until_one_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"rules:\n  - {made('tested', OUT)}\n  - {made('test', BOTH, '[{delay: 9m}]')}\n")
    (tmp_path / "broken.test.yaml").write_text("tests: [")
    expect = "expect: {not_fired: [tested]}"
    (tmp_path / "a.test.yaml").write_text(f"tests: [{{name: t, message: {{to: a@b.example}}, {expect}}}]\n")
    (warning,) = lint(load([tmp_path], PEOPLE), PEOPLE)
    assert (warning.code, warning.context, warning.line) == ("MG256", "rule test", 3)
    assert "a.test.yaml" in warning.help


def test_the_shipped_policy_is_quiet() -> None:
    assert lint(load([Path(__file__).parents[3] / "rules"], PEOPLE), PEOPLE) == []


def test_the_demo_and_its_people_are_quiet(tmp_path: Path) -> None:
    config = site.build(tmp_path, default_rules(), {"smtp": 2525, "world": 2526, "web": 2527})
    arguments = ["--config", str(config.path), "check", "--strict"]
    said = CliRunner().invoke(cli, arguments, obj=Context(), catch_exceptions=False)
    assert (said.exit_code, said.stdout) == (0, "")
    (own,) = (tmp_path / "rules").glob("*stories.test.yaml")
    tested = CliRunner().invoke(cli, ["test", "--coverage", str(own)], obj=Context(), env={"MAILGUARD_CONFIG": ""})
    assert "1 of 1 rules have a hit and a near miss" in tested.stdout


def test_warnings_fail_a_strict_check_only(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"rules:\n  - {made('a', OUT)}\n")
    plain = CliRunner().invoke(cli, ["check", str(tmp_path)], obj=Context(), env={"MAILGUARD_CONFIG": ""})
    assert plain.exit_code == 0
    assert "warning[MG256]: no test names this rule" in plain.stdout
    assert (
        CliRunner()
        .invoke(cli, ["check", "--strict", str(tmp_path)], obj=Context(), env={"MAILGUARD_CONFIG": ""})
        .exit_code
        == 3
    )


def test_where_people_are_not_known_only_managers_are_missed() -> None:
    asks = made("a", OUT, "[{hold: {until: {approved_by: [bos@corp.example, manager_of_sender]}}}]")
    nobody = empty(CORP)
    (warning,) = [one for one in lint(rules(f"rules:\n  - {asks}\n", nobody), nobody) if one.code != "MG256"]
    assert (warning.code, warning.source[warning.column - 1 :][:17]) == ("MG257", "manager_of_sender")


def test_who_was_probably_meant_is_named() -> None:
    asks = made("a", OUT, "[{notify: prnter@corp.example}]")
    (warning,) = [one for one in lint(rules(f"rules:\n  - {asks}\n"), PEOPLE) if one.code == "MG257"]
    assert warning.help == 'did you mean "printer@corp.example"?'
