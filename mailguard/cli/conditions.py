"""The tree of a rule's conditions, as `explain` prints it."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mailguard.cli.common import plain
from mailguard.records import Mode
from mailguard.rules.facts import Facts
from mailguard.rules.rule import Rule
from mailguard.rules.tree import Branch, grown


def lines(rule: Rule, facts: Facts) -> Iterator[str]:
    """The rule's name, and below it every condition with its answer; nothing for a rule that is off."""
    for word, branch in _trees(rule, facts).items():
        yield f"{rule.id}: {word}"
        yield from _drawn(branch, 1)


def as_json(rule: Rule, facts: Facts) -> dict[str, Any]:
    """`when` and, where there is one, `unless`: {name, answered, said, parts}."""
    return {word: asdict(branch) for word, branch in _trees(rule, facts).items()}


def _trees(rule: Rule, facts: Facts) -> dict[str, Branch]:
    if rule.mode is Mode.OFF:
        return {}
    trees = {"when": grown(rule.when, facts)}
    return trees | ({"unless": grown(rule.unless, facts)} if rule.unless is not None else {})


def _drawn(branch: Branch, depth: int) -> Iterator[str]:
    said = f": {plain(branch.said)}" if branch.said else ""
    yield f"{'  ' * depth}{branch.answered:<11}  {branch.name}{said}"
    for part in branch.parts:
        yield from _drawn(part, depth + 1)
