"""Rules as text, a mail as keywords, and what the engine says of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mailguard.document import yaml
from mailguard.document.problem import Problem
from mailguard.errors import RuleError
from mailguard.history import Learn
from mailguard.intake.facts import gather
from mailguard.mail.message import Message
from mailguard.mail.text import Text
from mailguard.people import Organization, People
from mailguard.people import parse as parse_people
from mailguard.records import Known, Match, Verdict
from mailguard.rules import sample
from mailguard.rules.engine import evaluate
from mailguard.rules.facts import Facts
from mailguard.rules.loader import parse
from mailguard.rules.rule import RuleSet
from mailguard.rules.settings import HoldSettings
from mailguard.rules.testfile import Case

CORP = Organization(name="Corp Example", domains=("corp.example",), zone="Europe/Warsaw")
PEOPLE_YAML = """
version: 1
people:
  - {address: ceo@corp.example, aliases: [cleo@corp.example], groups: [executives], assistant: assistant@corp.example}
  - {address: cfo@corp.example, groups: [executives], assistant: {address: pa@corp.example, sees: notice}}
  - {address: md@corp.example, title: "Managing Director"}
  - {address: aid@corp.example, title: Assistant to the Director}
  - {address: coo@corp.example, groups: [executives], assistant: assistant@corp.example}
  - {address: ann@corp.example, manager: boss@corp.example}
  - {address: printer@corp.example, service: true, owner: ann@corp.example}
groups: {legal: [lex@corp.example, lea@corp.example], nobody: []}
no_assistant: {groups: [legal], sensitivity: [private]}
lists: {everyone@corp.example: {members: [ann@corp.example, ward@client.example]}}
"""
PEOPLE: People = parse_people(yaml.parse(PEOPLE_YAML, "people.yaml"), CORP)
HOLDS = HoldSettings(fallback="postmaster@corp.example")
WARSAW = ZoneInfo("Europe/Warsaw")
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=WARSAW)  # a Wednesday


def rules(text: str, people: People = PEOPLE) -> RuleSet:
    return parse([yaml.parse(text, "rules.yaml")], people)


def rule(when: str, then: str = "[{delay: 5m}]", **more: str) -> str:
    """One rule as a file; `more` are further keys."""
    keys = "".join(f"\n    {key}: {value}" for key, value in more.items())
    return f"version: 1\nrules:\n  - id: r\n    when: {when}\n    then: {then}{keys}\n"


def problems(text: str, people: People = PEOPLE) -> list[Problem]:
    try:
        return list(rules(text, people).warnings)
    except RuleError as error:
        return [problem for problem in error.problems if isinstance(problem, Problem)]


def pointed(text: str) -> list[tuple[str, str]]:
    """Code and the marked text of every problem."""
    lines = text.splitlines()
    return [(p.code, lines[p.line - 1][p.column - 1 : p.column - 1 + p.length]) for p in problems(text)]


def facts(
    *,
    at: datetime = NOON,
    given: dict[str, Any] | None = None,
    learn: Learn | None = None,
    people: People = PEOPLE,
    text: Text | None = None,
    **message: Any,
) -> Facts:
    """Gathered as intake does it. `text` replaces the body as its reader would have split it."""
    spec = {"to": "bob@corp.example", "body": "", **message}
    if "sender" in spec:
        spec["from"] = spec.pop("sender")
    expect = {"verdict": "pass"}
    case = Case.model_validate({"name": "a mail", "message": spec, "given": given or {}, "expect": expect})
    raw, envelope, identity = sample.build(case, Path(), at)
    known = sample.known(case, identity.address, at) if given else Known()
    found = gather(Message(raw), envelope, identity, people, known, at, learn or Learn(mails=10, days=5))
    if text is not None:
        found.reading.text = text
    return found


def later(found: Facts, wait: timedelta) -> Facts:
    """The same mail, whose client asked for it to be held so long (FUTURERELEASE)."""
    return replace(found, envelope=replace(found.envelope, hold_until=found.now + wait))


def judge(text: str, found: Facts, holds: HoldSettings = HOLDS, people: People = PEOPLE) -> Verdict:
    return evaluate(rules(text, people), found, holds)


def ask(when: str, found: Facts, people: People = PEOPLE) -> Match | None:
    """What one `when` says; CannotTell and failures are raised."""
    answer = rules(rule(when), people).rules[0].when.ask(found)
    if isinstance(answer, Match):
        return answer
    error = getattr(answer, "error", None)
    if error is not None:
        raise error
    return None
