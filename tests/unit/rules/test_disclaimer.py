"""The action `disclaimer`: where the words come from, and which mails go with them."""

from pathlib import Path
from typing import Any

import pytest

from mailguard.document.problem import Problem
from mailguard.errors import RuleError
from mailguard.mail.headers import Edit, Splice, Withheld
from mailguard.rules.changes import said
from mailguard.rules.engine import explain
from mailguard.rules.loader import load
from tests.unit.rules.judge import HOLDS, PEOPLE, facts, judge, rule, rules

SIGNED = {"DKIM-Signature": "v=1; a=rsa-sha256; d=corp.example; h=From; bh=x; b=y"}
FIRM = '[{disclaimer: "Corp Example"}]'
ALWAYS = "{always: true}"
KIM, BOB = "kim@client.example", "bob@corp.example"


def edits(then: str = FIRM, when: str = ALWAYS, **mail: Any) -> tuple[Edit, ...]:
    return judge(rule(when, then), facts(**({"body": "Hello"} | mail))).edits


def words(then: str, **mail: Any) -> list[str]:
    return [edit.octets.strip() for edit in edits(then, **mail) if isinstance(edit, Splice)]


def test_each_alternative_gains_its_own_form() -> None:
    assert words(FIRM, html="<p>Hello</p>") == ["Corp Example", "<p>Corp Example</p>"]
    then = "[{disclaimer: {text: Corp & Sons, html: '<b>Corp</b>'}}]"
    assert words(then, html="<p>Hello</p>") == ["Corp & Sons", "<b>Corp</b>"]
    assert words("[{disclaimer: Corp & Sons}]", body=None, html="<p>Hello</p>") == ["<p>Corp &amp; Sons</p>"]


def test_only_mail_that_the_rule_matches_gains_it() -> None:
    outside = "{recipients: {any: external}}"
    assert edits(when=outside, to=[BOB, KIM])
    assert not edits(when=outside, to=[BOB])


def test_the_words_of_several_rules_stand_below_each_other_and_the_same_ones_once() -> None:
    text = rule(ALWAYS, FIRM) + f"  - {{id: again, when: {ALWAYS}, then: {FIRM}}}\n"
    text += f"  - {{id: more, when: {ALWAYS}, then: [{{disclaimer: Second}}]}}\n"
    (only,) = judge(text, facts(body="Hello")).edits
    assert isinstance(only, Splice)
    assert only.octets.split() == ["Corp", "Example", "Second"]


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        ({"headers": SIGNED}, ""),
        ({"body": "-----BEGIN PGP SIGNED MESSAGE-----"}, ""),
        ({"body": "-----BEGIN PGP MESSAGE-----"}, "it is encrypted"),
        ({"sender": "printer@corp.example"}, "it is automatic mail"),
        ({"body": "Hello\n\n> Corp\n> Example"}, "it says so already"),
    ],
)
def test_a_mail_that_goes_without_is_said_and_passes(mail: dict[str, Any], why: str) -> None:
    verdict = judge(rule(ALWAYS, FIRM), facts(**({"body": "Hello"} | mail)))
    assert verdict.edits == (Withheld("disclaimer", "r", why),)
    assert not verdict.holds
    (sentence,) = said(verdict.edits)
    assert sentence == f"not done, because {why or 'the mail is signed'}: disclaimer r"


def test_near_misses_of_those() -> None:
    assert words("[{disclaimer: {text: Corp, edit_signed: true}}]", headers=SIGNED) == ["Corp"]
    assert words("[{disclaimer: {text: Corp Example, once: false}}]", body="Corp Example") == ["Corp Example"]
    assert words(FIRM, body="Corp Example Ltd".replace(" E", " of E")) == ["Corp Example"]
    assert words(FIRM, headers={"Auto-Submitted": "auto-replied"}) == ["Corp Example"]  # anybody can type that


def test_explain_says_it_once_for_both_alternatives() -> None:
    verdict, _ = explain(rules(rule(ALWAYS, FIRM)), facts(body="Hello", html="<p>Hello</p>"), HOLDS)
    assert said(verdict.edits) == ["the text gains a disclaimer"]


def test_the_words_may_stand_in_files_beside_the_rule(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(rule(ALWAYS, "[{disclaimer: {text: {file: firm.txt}, html: {file: firm.html}}}]"), "utf-8")
    (tmp_path / "firm.txt").write_text("Spółka", "utf-8")
    (tmp_path / "firm.html").write_text("<p>\n<b>Spółka</b>\n</p>", "utf-8")
    first = load([file], PEOPLE)
    assert rules_hash(file) == first.hash
    (tmp_path / "firm.txt").write_text("Inna spółka", "utf-8")
    assert rules_hash(file) != first.hash  # another text is another policy


def rules_hash(file: Path) -> str:
    return load([file], PEOPLE).hash


@pytest.mark.parametrize(
    ("data", "where", "message"),
    [
        (b"", "rules.yaml", "not empty"),
        (b"x" * 10_001, "rules.yaml", "at most 10000 characters"),
        (b"\xb3\xf3", "firm.txt", "not UTF-8"),
        (b"aaaa\0b", "firm.txt", "NUL"),
    ],
)
def test_a_file_that_is_no_text(tmp_path: Path, data: bytes, where: str, message: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(rule(ALWAYS, "[{disclaimer: {text: {file: firm.txt}}}]"))
    (tmp_path / "firm.txt").write_bytes(data)
    with pytest.raises(RuleError) as caught:
        load([file], PEOPLE)
    (problem,) = caught.value.problems
    assert isinstance(problem, Problem)
    assert Path(problem.path).name == where
    assert message in problem.message
