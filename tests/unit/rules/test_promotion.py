"""A rule's mode is changed where it stands: one line, whatever the layout, and only if the policy is right with it."""

from pathlib import Path

import pytest

from mailguard.document.edit import NotInPlace
from mailguard.errors import ConfigError, RuleError
from mailguard.records import Mode
from mailguard.rules.loader import load
from mailguard.rules.promotion import Promotion, move
from mailguard.rules.rule import RuleSet
from tests.unit.rules.judge import PEOPLE

BLOCK = """\
version: 1   # ours
rules:

  # why this rule is here
  - id: watch        # its name
    mode: audit      # until Monday
    when: {recipients: {any: external}}
    then: [{delay: 5m}]
  - id: other
    when:
      sender: internal
    then:
      - delay: 1m
"""


def policy(folder: Path, text: str) -> RuleSet:
    (folder / "rules.yaml").write_bytes(text.encode())
    return load([folder / "rules.yaml"], PEOPLE)


def moved(folder: Path, text: str, rule: str = "watch", mode: Mode = Mode.ENFORCE, *groups: str) -> Promotion | None:
    rules = policy(folder, text)
    (one,) = [each for each in rules.rules if each.id == rule]
    found = move(rules, one, PEOPLE, mode=mode, groups=groups)
    if found is not None:  # what is written says what was asked for
        (again,) = [each for each in policy(folder, found.after).rules if each.id == rule]
        assert (again.mode, again.pilot) == (mode, groups)
    return found


def after(*arguments: object) -> str:
    found = moved(*arguments)  # type: ignore[arg-type]
    assert found is not None
    return found.after


def test_only_the_modes_own_words_change(tmp_path: Path) -> None:
    found = moved(tmp_path, BLOCK)
    assert found is not None
    assert found.after == BLOCK.replace("mode: audit  ", "mode: enforce  ")
    assert (found.change.line, found.change.before) == (6, "    mode: audit      # until Monday")
    assert moved(tmp_path, found.after) is None


def test_a_pilot_and_back_again(tmp_path: Path) -> None:
    pilot = after(tmp_path, BLOCK, "watch", Mode.ENFORCE, "executives", "legal")
    assert "    enforce: {groups: [executives, legal]}      # until Monday\n" in pilot
    smaller = after(tmp_path, pilot, "watch", Mode.ENFORCE, "legal")
    assert "    enforce: {groups: [legal]}      # until Monday\n" in smaller
    assert after(tmp_path, smaller, "watch", Mode.ENFORCE) == BLOCK.replace("mode: audit", "mode: enforce")
    assert after(tmp_path, smaller, "watch", Mode.AUDIT) == BLOCK


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_rule_without_a_mode_gets_a_line_behind_its_id(tmp_path: Path, ending: str) -> None:
    text = BLOCK.replace("\n", ending)
    assert after(tmp_path, text, "other", Mode.AUDIT) == text.replace(
        f"  - id: other{ending}", f"  - id: other{ending}    mode: audit{ending}"
    )


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("{id: watch, mode: audit, when: {always: true}, then: [{delay: 5m}]}",
         "{id: watch, mode: enforce, when: {always: true}, then: [{delay: 5m}]}"),
        ("{when: {always: true}, then: [{delay: 5m}], mode: 'audit', id: watch} # end",
         "{when: {always: true}, then: [{delay: 5m}], mode: enforce, id: watch} # end"),
        ('{"id": "watch", "mode": "audit", "when": {"always": true}, "then": [{"delay": "5m"}]}',
         '{"id": "watch", mode: enforce, "when": {"always": true}, "then": [{"delay": "5m"}]}'),
        ("{id: watch, mode: off, when: {always: true}, then: [{delay: 5m}]}",
         "{id: watch, mode: enforce, when: {always: true}, then: [{delay: 5m}]}"),
    ],
)  # fmt: skip
def test_a_rule_in_braces_stays_in_them(tmp_path: Path, rule: str, changed: str) -> None:
    head = "# zażółć 日本\nversion: 1\nrules: [" if rule.endswith("}") else "version: 1\nrules:\n  - "
    foot = "]\n" if rule.endswith("}") else "\n"
    assert after(tmp_path, head + rule + foot) == head + changed + foot


def test_in_braces_an_entry_is_added_behind_the_id(tmp_path: Path) -> None:
    text = "version: 1\nrules: [{id: watch, when: {always: true}, then: [{delay: 5m}]}]\n"
    assert "{id: watch, mode: audit, when:" in after(tmp_path, text, "watch", Mode.AUDIT)


def test_a_byte_order_mark_and_a_missing_last_line_end_stay(tmp_path: Path) -> None:
    text = "\ufeffversion: 1\nrules:\n  - when: {always: true}\n    then: [{delay: 5m}]\n    id: watch"
    assert after(tmp_path, text, "watch", Mode.AUDIT) == text + "\n    mode: audit"


def test_what_stands_on_several_lines_is_left_to_its_author(tmp_path: Path) -> None:
    pilot = BLOCK.replace("    mode: audit      # until Monday\n", "    enforce:\n      groups: [legal]\n")
    with pytest.raises(NotInPlace, match=r"rules.yaml:6: enforce stands on several lines"):
        moved(tmp_path, pilot, "watch", Mode.AUDIT)
    braces = BLOCK.replace("mode: audit      # until Monday", "enforce: {groups: [\n      legal]}")
    with pytest.raises(NotInPlace, match="several lines"):
        moved(tmp_path, braces, "watch", Mode.AUDIT)


def test_mode_and_enforce_together_are_left_to_their_author(tmp_path: Path) -> None:
    both = BLOCK.replace("mode: audit      # until Monday", "mode: enforce\n    enforce: {groups: [legal]}")
    with pytest.raises(NotInPlace, match="take one of them out"):
        moved(tmp_path, both, "watch", Mode.AUDIT)


def test_a_group_that_is_not_there_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RuleError) as failed:
        moved(tmp_path, BLOCK, "watch", Mode.ENFORCE, "legl")
    assert 'there is no group "legl"' in str(failed.value.problems[0])
    assert (tmp_path / "rules.yaml").read_text() == BLOCK


def test_a_groups_name_cannot_write_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        moved(tmp_path, BLOCK, "watch", Mode.ENFORCE, "x]}\nrules: [")
    assert (tmp_path / "rules.yaml").read_text() == BLOCK
