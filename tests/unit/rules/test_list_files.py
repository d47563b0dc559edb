"""Lists in text files, and files that cannot be what they should be: said by `check`, all at once, with places."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailguard.cli import cli
from mailguard.cli.common import Context, Exit
from mailguard.document.problem import Problem
from mailguard.errors import RuleError
from mailguard.records import Action
from mailguard.rules.engine import evaluate
from mailguard.rules.loader import load, parse
from mailguard.rules.rule import RuleSet
from tests.unit.rules.judge import HOLDS, PEOPLE, facts

RULES = """
version: 1
lists: {names: {words: [bluebird], file: names.txt}}
rules:
  - {id: names, when: {words: {list: names}}, then: [{hold: sender_confirms}]}
"""


def folder(tmp_path: Path, names: bytes | None, rules: str = RULES) -> Path:
    (tmp_path / "rules.yaml").write_text(rules, "utf-8")
    if names is not None:
        (tmp_path / "names.txt").write_bytes(names)
    return tmp_path


def problems(path: Path) -> list[Problem]:
    with pytest.raises(RuleError) as raised:
        load([path], PEOPLE)
    return [problem for problem in raised.value.problems if isinstance(problem, Problem)]


def found(rules: RuleSet, *subjects: str) -> list[bool]:
    return [evaluate(rules, facts(subject=subject), HOLDS).action is Action.HOLD for subject in subjects]


def test_each_line_is_an_entry_but_for_blank_ones_and_remarks(tmp_path: Path) -> None:
    text = "\ufeff# our projects\r\nżółta łódź\r\n\r\n  red kite  \r\nC#\n"
    rules = load([folder(tmp_path, text.encode())], PEOPLE)
    assert (
        found(rules, "bluebird", "Żółta łódź", "the red kite", "our projects", "projects") == [True] * 3 + [False] * 2
    )


def test_another_text_is_another_policy(tmp_path: Path) -> None:
    before = load([folder(tmp_path, b"kite")], PEOPLE).hash
    assert load([folder(tmp_path, b"kite")], PEOPLE).hash == before
    assert load([folder(tmp_path, b"heron")], PEOPLE).hash != before


def test_rules_that_are_bound_to_new_people_keep_the_list_they_were_read_with(tmp_path: Path) -> None:
    rules = load([folder(tmp_path, b"kite")], PEOPLE)
    (tmp_path / "names.txt").unlink()
    again = parse(rules.documents, PEOPLE)
    assert again.hash == rules.hash
    assert found(again, "kite") == [True]


@pytest.mark.parametrize(
    ("names", "code", "line", "said"),
    [
        ("kite\nżółta".encode("windows-1250"), "MG109", 2, "not UTF-8"),
        ("kite".encode("utf-16"), "MG109", 1, "saved as UTF-16"),
        (b"kite\n\0", "MG109", 2, "NUL"),
        (None, "MG101", 0, "there is no such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_with_its_place(
    tmp_path: Path, names: bytes | None, code: str, line: int, said: str
) -> None:
    (problem,) = problems(folder(tmp_path, names))
    assert (problem.code, problem.line, problem.context) == (code, line, "list names")
    assert problem.path.endswith("names.txt")
    assert said in problem.message
    assert problem.help


def test_an_empty_file_is_an_empty_list(tmp_path: Path) -> None:
    (problem,) = problems(folder(tmp_path, b"# nothing yet\n", RULES.replace("words: [bluebird], ", "")))
    assert (problem.code, problem.context) == ("MG203", "list names")


def test_wrong_keys_beside_a_file_are_said_once(tmp_path: Path) -> None:
    assert [p.code for p in problems(folder(tmp_path, b"kite", RULES.replace("[bluebird]", "7")))] == ["MG106"]
    assert [p.code for p in problems(folder(tmp_path, b"kite", RULES.replace("names.txt", "[names.txt]")))] == ["MG106"]


def test_check_says_everything_that_is_wrong_with_all_files_in_one_run(tmp_path: Path) -> None:
    folder(tmp_path, "żółta".encode("iso-8859-2"))
    (tmp_path / "newer.yaml").write_text(RULES.replace("version: 1", "version: 2"))
    (tmp_path / "polish.yaml").write_bytes("version: 1\n# żółta\n".encode("windows-1250"))
    (tmp_path / "absent.yaml").write_text("rules:\n  - {id: a, when: {words: {list: nmes}}, then: [{delay: 5m}]}\n")
    arguments = ["check", "--format", "json", str(tmp_path)]
    said = CliRunner().invoke(cli, arguments, obj=Context(), env={"MAILGUARD_CONFIG": ""})
    assert said.exit_code == Exit.FAILED
    where = {(Path(one["path"]).name, one["code"]) for one in json.loads(said.stdout)["problems"]}
    wrong = {("names.txt", "MG109"), ("newer.yaml", "MG213"), ("polish.yaml", "MG109"), ("absent.yaml", "MG204")}
    assert where == wrong
