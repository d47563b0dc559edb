"""Every rule that docs/compare.md shows loads, and every rule of the default policy that it names is there."""

import re
from pathlib import Path

import pytest

from mailguard.rules.loader import load
from tests.unit.rules.judge import PEOPLE, rule, rules

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compare.md").read_text("utf-8")
SHIPPED = {one.id for one in load([ROOT / "rules"], PEOPLE).rules}
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| check", "| action"))]
SHOWN = [snippet for row in ROWS for snippet in re.findall(r"`([{\[].+?[}\]])`", row)]
NAMED = [name for row in ROWS for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", row)]


@pytest.mark.parametrize("snippet", SHOWN)
def test_what_is_shown_loads(snippet: str) -> None:
    when, then = (snippet, "[{delay: 5m}]") if snippet.startswith("{") else ("{recipients: {any: external}}", snippet)
    assert rules(rule(when, then)).rules


def test_the_page_shows_most_of_what_there_is() -> None:
    assert len(SHOWN) >= 50
    assert len(ROWS) >= 60


@pytest.mark.parametrize("name", NAMED)
def test_a_rule_named_is_shipped(name: str) -> None:
    assert name in SHIPPED


def test_every_row_says_something_of_each_rival() -> None:
    assert [row for row in ROWS if row.count("|") < 7] == []
