"""Every word a rule can be made of: a mail it is true of, the one beside it, what `explain` says, its documentation.

A new condition, action or WHO word fails here until it has a row in its table and its place in docs/writing-rules.md.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mailguard.cli import cli
from mailguard.cli.common import Context
from mailguard.document import yaml
from mailguard.people import parse as parse_people
from mailguard.records import Action
from mailguard.rules import who
from mailguard.rules.actions import ACTIONS
from mailguard.rules.condition import REGISTER
from mailguard.rules.schema import json_schema
from mailguard.rules.tree import Answered, grown
from tests.unit.rules.judge import CORP, NOON, PEOPLE_YAML, facts, judge, rule, rules

DOCS = (Path(__file__).parents[3] / "docs" / "writing-rules.md").read_text("utf-8")
SCHEMA = json_schema()["$defs"]
MORE = """
no_contact: [{address: "*@enemy.example"}]
list_patterns: ["all-*@corp.example"]
"""
PEOPLE = parse_people(yaml.parse(PEOPLE_YAML + MORE, "people.yaml"), CORP)
ANN, BOB, KIM, LOU = "ann@corp.example", "bob@corp.example", "kim@client.example", "lou@client.example"
MO = "mo@rival.example"
PDF = {"name": "a.pdf", "type": "application/pdf", "text": "%PDF-1.4"}
APART = {"history": [{"to": [KIM, LOU], "days_ago": 30, "times": 150}, {"to": [MO], "days_ago": 30, "times": 50}]}
TALK = {"thread": [{"from": ANN, "to": [KIM]}]}


def wrote(*to: str, times: int = 30) -> dict[str, Any]:
    return {"history": [{"to": [*to], "days_ago": 30, "times": times}]}


@dataclass(frozen=True)
class Word:
    """What is asked, a mail it is true of, and one just beside it that it is not."""

    asks: str
    hit: dict[str, Any]
    near: dict[str, Any]
    given: dict[str, Any] = field(default_factory=dict)  # before either


CONDITIONS = {
    "always": Word("true", {}, {}),
    "attachment": Word("{type: pdf}", {"attach": [PDF]}, {"attach": [{"name": "a.txt", "text": "a pdf"}]}),
    "bcc": Word("{any: external}", {"bcc": KIM}, {"cc": KIM}),
    "cc": Word("{any: external}", {"cc": KIM}, {"bcc": KIM}),
    "domain_count": Word("{at_least: 2, of: external}", {"to": [KIM, MO]}, {"to": [KIM, LOU]}),
    "greeting": Word(
        "no_recipient",
        {"to": "john.smith@client.example", "body": "Dear Mr Miller,\n\nhere it is."},
        {"to": "john.smith@client.example", "body": "Dear Mr Smith,\n\nhere it is."},
    ),
    "header": Word(
        "{name: X-Project, contains: bluebird}",
        {"headers": {"X-Project": "Bluebird 2"}},
        {"headers": {"X-Project": "Blackbird 2"}},
    ),
    "identifier": Word("{kind: iban}", {"body": "DE89370400440532013000"}, {"body": "DE88370400440532013000"}),
    "label": Word(
        "{any: [Confidential]}",
        {"headers": {"X-Classification": "Confidential"}},
        {"headers": {"X-Classification": "Public"}},
    ),
    "message": Word("{is: forward}", {"subject": "Fwd: Offer"}, {"subject": "Forward this offer"}),
    "missing": Word("{any: boss@corp.example}", {"to": KIM}, {"to": KIM, "cc": "boss@corp.example"}),
    "pattern": Word("{re: 'PRJ-[0-9]{4}'}", {"subject": "PRJ-1234"}, {"subject": "PRJ-123"}),
    "recipient_count": Word("{at_least: 3}", {"to": [KIM, MO, BOB]}, {"to": [KIM, MO]}),
    "recipients": Word("{any: external}", {"to": [BOB, KIM]}, {"to": [BOB, ANN]}),
    "secret": Word("true", {"body": "the key is AKIAQ3EGR7ZLX5MTB2VN"}, {"body": "the key is AKIAIOSFODNN7EXAMPLE"}),
    "sender": Word("{group: legal}", {"sender": "lex@corp.example"}, {"sender": ANN}),
    "thread": Word("{outside_circle: true}", {"to": [KIM, MO]}, {"to": KIM}, TALK),
    "time": Word("{outside: 'Mon-Fri 08:00-12:00'}", {"at": NOON}, {"at": NOON - timedelta(minutes=1)}),
    "to": Word("{all: internal}", {"to": BOB, "cc": KIM}, {"to": [BOB, KIM]}),
    "tone": Word("heated", {"body": "You idiot! This is bullshit!!!"}, {"body": "I do not like this!"}),
    "words": Word("{any: [secret]}", {"subject": "our secret"}, {"subject": "our secretary"}),
}

WHO = {
    "internal": Word("internal", {"to": BOB}, {"to": "bob@notcorp.example"}),
    "external": Word("external", {"to": KIM}, {"to": BOB}),
    "freemail": Word("freemail", {"to": "kim@gmail.com"}, {"to": "kim@gmail.example"}),
    "unexpected": Word("unexpected", {"to": [KIM, MO]}, {"to": [KIM, LOU]}, APART),
    "first_contact": Word("first_contact", {"to": MO}, {"to": KIM}, wrote(KIM)),
    "namesake": Word(
        "namesake",
        {"to": "anna.kowalska@gmail.com"},
        {"to": "hanna.kowalska@gmail.com"},
        wrote("anna.kowalska@client.example"),
    ),
    "lookalike": Word("lookalike", {"to": "kim@c1ient.example"}, {"to": "kim@clients.example"}, wrote(KIM)),
    "undeliverable": Word(
        "undeliverable", {"to": "kim@gone.example"}, {"to": "kim@here.example"}, {"undeliverable": ["gone.example"]}
    ),
    "no_contact": Word("no_contact", {"to": "kim@enemy.example"}, {"to": "kim@sub.enemy.example"}),
    "unknown_list": Word("unknown_list", {"to": "all-staff@corp.example"}, {"to": "allen@corp.example"}),
    "has_assistant": Word("has_assistant", {"to": "ceo@corp.example"}, {"to": "md@corp.example"}),
    "group": Word("{group: legal}", {"to": "lex@corp.example"}, {"to": ANN}),
    "title": Word("{title: '*director'}", {"to": "md@corp.example"}, {"to": ANN}),
    "in": Word("{in: ['*@client.example']}", {"to": KIM}, {"to": "kim@sub.client.example"}),
    "domain": Word("{domain: client.example}", {"to": KIM}, {"to": "kim@notclient.example"}),
    "pattern": Word("{pattern: '^info@'}", {"to": "info@client.example"}, {"to": "noinfo@client.example"}),
    "all": Word("{all: [external, freemail]}", {"to": "kim@gmail.com"}, {"to": KIM}),
    "not": Word("{not: internal}", {"to": KIM}, {"to": BOB}),
}

# What each does to a mail going outside, as `explain` says it; to one that stays inside it does nothing.
ACTS = {
    "delay": ("5m", r"kim@client.example: leaves \d\d:\d\d:\d\d \(r\)"),
    "hold": ("sender_confirms", "held by r until its sender confirms"),
    "cc": ("boss@corp.example", "boss@corp.example: added by r"),
    "bcc": ("boss@corp.example", "boss@corp.example: added by r"),
    "to_bcc": ("true", "kim@client.example becomes Bcc"),
    "drop": ("true", r"kim@client.example: taken off \(r\)"),
    "reject": ("'Not so'", "verdict: reject\n  r: Not so"),
    "notify": ("security@corp.example", "security@corp.example: told"),
    "tag": ("[project]", "tagged project"),
    "subject": ("{prefix: '[EXT]'}", r"the subject begins with \[EXT\]"),
    "disclaimer": ("Corp Example", "the text gains a disclaimer"),
    "add_header": ("{name: X-Way, value: out}", "header X-Way: out"),
}


def ours(register: dict[str, Any]) -> set[str]:
    return {name for name, kind in register.items() if kind.__module__.startswith("mailguard.")}


def test_every_word_has_its_row() -> None:
    assert set(CONDITIONS) == ours({**REGISTER})
    assert set(ACTS) == ours({**ACTIONS})
    assert set(WHO) == {*who.WORDS, *who._KINDS}


@pytest.mark.parametrize("name", sorted(CONDITIONS))
def test_a_condition_has_a_hit_and_a_near_miss_that_explain_understands(name: str) -> None:
    word = CONDITIONS[name]
    node = rules(rule(f"{{{name}: {word.asks}}}"), PEOPLE).rules[0].when
    branch = grown(node, facts(given=word.given, people=PEOPLE, **word.hit))
    assert (branch.name, branch.answered) == (name, Answered.TRUE)
    assert branch.said
    if name == "always":
        return
    beside = grown(node, facts(given=word.given, people=PEOPLE, **word.near))
    assert beside.answered is Answered.FALSE
    assert beside.said
    assert beside.said != f"{name} does not apply", "nobody can learn from that"


@pytest.mark.parametrize("name", sorted(WHO))
def test_a_word_for_addresses_has_a_hit_and_a_near_miss_that_explain_understands(name: str) -> None:
    word = WHO[name]
    node = rules(rule(f"{{recipients: {{any: {word.asks}}}}}"), PEOPLE).rules[0].when
    branch = grown(node, facts(given=word.given, people=PEOPLE, **word.hit))
    assert branch.answered is Answered.TRUE
    assert branch.said
    beside = grown(node, facts(given=word.given, people=PEOPLE, **word.near))
    assert beside.answered is Answered.FALSE
    assert beside.said


@pytest.mark.parametrize("name", sorted(ACTS))
def test_an_action_acts_on_its_mail_only_and_explain_shows_it(name: str, tmp_path: Path) -> None:
    value, shown = ACTS[name]
    text = rule("{recipients: {any: external}}", f"[{{{name}: {value}}}]")
    (tmp_path / "rules.yaml").write_text(text)
    (tmp_path / "mailguard.yaml").write_text(CONFIG)
    mail = tmp_path / "m.eml"
    mail.write_text(f"From: {ANN}\nTo: {KIM}, {BOB}\nSubject: Offer\n\nHello\n")
    said = CliRunner().invoke(
        cli, ["--config", str(tmp_path / "mailguard.yaml"), "explain", str(mail)], obj=Context(), catch_exceptions=False
    )
    assert re.search(shown, said.stdout), said.stdout
    inside = judge(text, facts(to=BOB))
    untouched = (inside.action, inside.added, inside.edits, inside.dropped, inside.notify, inside.tags)
    assert untouched == (Action.PASS, (), (), {}, (), ())


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


# --- documentation ----------------------------------------------------------------------------------------------


def sections(part: str) -> dict[str, str]:
    """Under which heading of this part of the page each word stands, and what is written there."""
    text = DOCS.split(f"\n## {part}\n", 1)[1].split("\n## ", 1)[0]
    return {
        name: body
        for head, _, body in (section.partition("\n") for section in text.split("\n### ")[1:])
        for name in re.findall(r"`(\w+)`", head)
    }


@pytest.mark.parametrize(("part", "names"), [("Conditions", sorted(CONDITIONS)), ("Actions", sorted(ACTS))])
def test_each_is_documented_with_an_example(part: str, names: list[str]) -> None:
    documented = sections(part)
    assert sorted(documented) == names
    examples = {name: "".join(re.findall(r"```yaml\n(.*?)```", body, re.DOTALL)) for name, body in documented.items()}
    assert [name for name, shown in examples.items() if not re.search(rf"(?<!\w){name}:\s", shown)] == []


@pytest.mark.parametrize("name", sorted(WHO))
def test_each_word_for_addresses_is_documented_and_in_the_schema(name: str) -> None:
    if name in who.WORDS:
        assert re.search(rf"^\|[^|]*`{name}`[^|]*\| \S", DOCS, re.MULTILINE)
        assert name in [one.get("const") for one in who.SCHEMA["anyOf"] if one.get("description")]
    else:
        assert re.search(rf"^\|[^|]*`{{{name}: [^|]*\| \S", DOCS, re.MULTILINE)
        assert any(one.get("properties", {}).get(name, {}).get("description") for one in who.SCHEMA["anyOf"])


@pytest.mark.parametrize("name", [*(f"condition.{name}" for name in CONDITIONS), *(f"action.{name}" for name in ACTS)])
def test_each_has_a_description_and_an_example_in_the_schema(name: str) -> None:
    assert SCHEMA[name]["description"]
    assert SCHEMA[name]["examples"]
