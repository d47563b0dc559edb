"""Coverage of rules by their tests, and what another version of the rules says of the same tests."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from mailguard.cli import cli
from mailguard.cli.common import Context, Exit

RULES = """
rules:
  - {id: outside, when: {recipients: {any: external}}, then: [{delay: DELAY}]}
  - {id: ends, when: {words: {any: [harmless]}}, then: [{tag: x}]}
"""
TESTS = """
people: [{address: ceo@corp.example, groups: [executives]}]
tests:
  - {name: to a client, message: {to: kim@client.example, subject: Hi}, expect: {fired: [outside], not_fired: [ends]}}
  - {name: to a colleague, message: {to: bob@corp.example, subject: Hi}, expect: {not_fired: [outside]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new = tmp_path / "new"
    (tmp_path / "old").mkdir()
    new.mkdir()
    (new / "a.yaml").write_text(RULES.replace("DELAY", "5m"))
    (new / "a.test.yaml").write_text(TESTS)
    return tmp_path


def mailguard_test(folder: Path, *more: str) -> Result:
    arguments = ["test", str(folder / "new"), *more]
    return CliRunner().invoke(cli, arguments, obj=Context(), env={"MAILGUARD_CONFIG": ""})


def test_coverage_says_what_a_rule_s_tests_lack(folder: Path) -> None:
    said = mailguard_test(folder, "--coverage")
    assert said.exit_code == 0
    rows = [line.split(maxsplit=3) for line in said.stdout.splitlines()]
    assert ["outside", "1", "1"] in rows
    assert ["ends", "0", "2", "lacks a hit"] in rows
    assert "1 of 2 rules have a hit and a near miss" in said.stdout


def test_a_longer_delay_is_a_change_of_the_tests_it_concerns(folder: Path) -> None:
    (folder / "old" / "a.yaml").write_text(RULES.replace("DELAY", "7m"))
    said = mailguard_test(folder, "--diff", str(folder / "old"))
    assert said.exit_code == 0
    assert (
        "a.test.yaml:4: to a client\n    before: delay 7m; by outside\n    after:  delay 5m; by outside" in said.stdout
    )
    assert "to a colleague" not in said.stdout
    assert said.stdout.endswith("1 of 2 tests have another verdict or other rules\n")


def test_the_same_rules_change_nothing(folder: Path) -> None:
    (folder / "old" / "a.yaml").write_text(RULES.replace("DELAY", "5m"))
    said = mailguard_test(folder, "--diff", str(folder / "old"))
    assert said.stdout == "0 of 2 tests have another verdict or other rules\n"


def test_a_file_that_was_not_there_before_had_no_rules(folder: Path) -> None:
    said = mailguard_test(folder, "--diff", str(folder / "old"), "--run", "client")
    assert "before: pass; no rule\n    after:  delay 5m; by outside" in said.stdout
    assert "1 of 1 tests" in said.stdout


def test_wrong_old_rules_are_an_error_with_its_place(folder: Path) -> None:
    (folder / "old" / "a.yaml").write_text(RULES.replace("DELAY", "5x"))
    said = mailguard_test(folder, "--diff", str(folder / "old"))
    assert said.exit_code == Exit.FAILED
    assert "old/a.yaml:3:" in said.stderr


def test_a_comparison_is_no_test(folder: Path) -> None:
    assert mailguard_test(folder, "--diff", str(folder / "old"), "--coverage").exit_code == Exit.USAGE


def test_a_comparison_of_no_test_is_no_success(folder: Path) -> None:
    said = mailguard_test(folder, "--diff", str(folder / "old"), "--run", "nothing is called so")
    assert said.exit_code == Exit.FAILED
    assert "no test's name matches" in said.stderr


def test_a_mail_that_is_changed_otherwise_is_a_change(folder: Path) -> None:
    prefixed = RULES.replace("{delay: DELAY}", "{subject: {prefix: '[EXT]'}}")
    (folder / "new" / "a.yaml").write_text(prefixed)
    (folder / "old" / "a.yaml").write_text(prefixed.replace("EXT", "OUT"))
    said = mailguard_test(folder, "--diff", str(folder / "old"))
    assert "[OUT]" in said.stdout
    assert "[EXT]" in said.stdout
    assert "1 of 2 tests" in said.stdout


def test_junit_says_what_failed_and_why(folder: Path) -> None:
    rule = "{id: head, when: {header: {name: X-Way, contains: out}}, then: [{hold: sender_confirms}]}"
    (folder / "new" / "a.yaml").write_text(f"rules:\n  - {rule}\n")
    (folder / "new" / "a.eml").write_bytes(b"From: a@corp.example\r\nTo: kim@client.example\r\nX-Way: out\r\n\r\n")
    tests = "tests:\n  - {name: right, eml: a.eml, expect: {verdict: hold}}\n"
    (folder / "new" / "a.test.yaml").write_text(tests + "  - {name: wrong, eml: a.eml, expect: {verdict: pass}}\n")
    said = mailguard_test(folder, "--junit", str(folder / "junit.xml"), "--coverage")
    assert said.exit_code == Exit.FAILED
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    right, wrong = suite.iter("testcase")
    assert (right.get("name"), right.find("failure")) == ("right", None)
    failure = wrong.find("failure")
    assert failure is not None
    assert failure.get("message") == "verdict: expected pass, got hold"
    assert "the header X-Way is" in (failure.text or "")
