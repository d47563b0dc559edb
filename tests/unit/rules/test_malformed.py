"""Whatever stands in a rule file: rules, or problems with a place. Never a crash."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailguard.document import yaml
from mailguard.errors import ConfigError
from mailguard.locale import Saying
from mailguard.rules.engine import explain
from mailguard.rules.loader import parse
from tests.unit.rules.judge import HOLDS, PEOPLE, facts

SHIPPED = Path(__file__).parents[3] / "rules"
EVERYTHING = """
version: 1
lists: {words: [a, b], them: [x@y.example], more: {lexicon: [confidential-en], words: [c]}}
rules:
  - id: all-of-it
    severity: high
    mode: audit
    stop: true
    on_error: delay
    when:
      recipients: {any: [external, {group: legal}, {in: [a@b.example]}, {domain: [x.example]}, {pattern: x}]}
      to: {none: {all: [external, {not: freemail}]}}
      cc: {all: internal}
      sender: [internal, {in: them}]
      recipient_count: {at_least: 1, of: external, in: [to]}
      words: {list: words, any: [x], ignore: more, in: [subject, body], at_least: 2}
      pattern: {re: x, in: [quoted], at_least: 1}
      header: {name: X, is: y}
      attachment: {name: [x], type: [pdf], larger_than: 1MB, encrypted: false}
      message: {is: [reply]}
      thread: {gains: [domain], outside_circle: true, unanswered: {at_least: 3}, quotes_others: true, of: external}
      time: {outside: "Mon 08:00-18:00", zone: UTC}
      any: [{always: true}, {not: {always: true}}]
    unless: {all: [{always: true}]}
    then:
      - delay: {for: 5m, copies: matching, until: "08:00", shorten: nobody}
      - hold: {until: {approved_by: [boss@corp.example, {group: legal}], of: 1}, expires: 1h, on_expiry: return}
      - cc: {add: [assistant_of_matched, x@corp.example], send: now}
      - bcc: x@corp.example
      - notify: {to: [sender, {group: legal}]}
      - tag: [x]
    explain: "{matched} {where}"
"""
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "*",
    "*@",
    "{",
    [],
    [None],
    [[]],
    {},
    {"x": None},
    {"any": [1]},
)


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    steps = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, inner in steps:
        yield from places(inner, (*at, step))


def replaced(data: Any, at: tuple[Any, ...], odd: Any) -> Any:
    whole = copy.deepcopy(data)
    here = whole
    for step in at[:-1]:
        here = here[step]
    here[at[-1]] = odd
    return whole


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_any_odd_value_anywhere_is_a_rule_or_a_problem(odd: Any) -> None:
    data = yaml.parse(EVERYTHING, "r.yaml").data
    found = facts(to=["kim@client.example", "ceo@corp.example"], subject="a x")
    problems = []
    for at in places(data):
        try:
            loaded = parse([yaml.parse(json.dumps(replaced(data, at, odd)), "r.yaml")], PEOPLE)
        except ConfigError as error:
            problems.append(error.problems)
            continue
        explain(loaded, found, HOLDS)
        for leaf in (leaf for rule in loaded.rules for leaf in rule.when.leaves()):
            leaf.match(found)
            assert isinstance(leaf.miss(found), Saying), (at, odd)
    assert len(problems) > 10
    assert all(problems)


def test_the_example_itself_is_right() -> None:
    assert parse([yaml.parse(EVERYTHING, "r.yaml")], PEOPLE).warnings == ()
