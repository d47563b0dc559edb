"""explain shows every condition of a rule, with what it says of the mail."""

import json
from pathlib import Path

from click.testing import CliRunner

from mailguard.cli import cli
from mailguard.cli.common import Context
from mailguard.rules.tree import Answered, Branch, grown
from tests.unit.rules.judge import facts, rule, rules

MAIL = b"From: ann@corp.example\r\nTo: kim@client.example\r\nSubject: Our \x1b[2J secret\r\n\r\nHello\r\n"
CONFIG = """
version: 1
organization: {name: Corp, domains: [corp.example], zone: UTC}
rules: [rules.yaml]
store: sqlite:///mail.db
smtp:
  hostname: mail.corp.example
  listeners: [{bind: "127.0.0.1:2525", tls: none, auth: none, networks: [127.0.0.0/8]}]
next_hop: {smarthost: "smtp.corp.example:25", tls: none}
web: {bind: "127.0.0.1:8025", url: "http://127.0.0.1:8025"}
notices: {sender: mailguard@corp.example}
holds: {fallback: postmaster@corp.example}
"""
RULES = """
rules:
  - id: a
    when: {recipients: {any: external}, not: {words: {any: [secret]}}}
    unless: {sender: {group: executives}}
    then: [{delay: 5m}]
  - {id: b, mode: 'off', when: {always: true}, then: [{delay: 5m}]}
"""


def tree(when: str) -> Branch:
    return grown(rules(rule(when)).rules[0].when, facts(to="kim@client.example", subject="Our secret"))


def test_each_condition_has_its_answer_and_its_sentence() -> None:
    found = tree("{recipients: {any: external}, any: [{words: {any: [plan]}}, {not: {words: {any: [secret]}}}]}")
    assert (found.name, found.answered, found.said) == ("all", Answered.FALSE, "")
    outside, some = found.parts
    assert (outside.name, outside.answered) == ("recipients", Answered.TRUE)
    assert outside.said == "1 recipient outside the organization: kim@client.example"
    assert [(part.name, part.answered) for part in some.parts] == [("words", Answered.FALSE), ("not", Answered.FALSE)]
    assert some.parts[1].parts == (Branch("words", Answered.TRUE, "“secret” in the subject"),)


def test_what_is_not_known_is_neither_true_nor_just_false() -> None:
    found = tree("{recipients: {any: first_contact}}")
    assert found.answered is Answered.NOT_KNOWN
    assert found.said
    assert not found.said.startswith("not known")


def explained(folder: Path, *more: str) -> str:
    (folder / "rules.yaml").write_text(RULES)
    (folder / "mail.eml").write_bytes(MAIL)
    config = folder / "mailguard.yaml"
    config.write_text(CONFIG)
    result = CliRunner().invoke(
        cli, ["--config", str(config), "explain", str(folder / "mail.eml"), *more], obj=Context()
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_tree_is_printed_below_the_verdict(tmp_path: Path) -> None:
    printed = explained(tmp_path)
    shown = printed[printed.index("a: when") :].splitlines()
    assert shown == [
        "a: when",
        "  false        all",
        "    true         recipients: 1 recipient outside the organization: kim@client.example",
        "    false        not",
        "      true         words: “secret” in the subject",
        "a: unless",
        "  false        sender: the sender ann@corp.example is not in the group executives",
    ]
    assert "\x1b" not in printed


def test_json_has_the_tree_of_each_rule(tmp_path: Path) -> None:
    first, off = json.loads(explained(tmp_path, "--json"))["rules"]
    assert first["when"]["parts"][1]["parts"][0]["answered"] == "true"
    assert first["unless"]["name"] == "sender"
    assert "when" not in off
