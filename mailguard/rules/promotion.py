"""A rule's mode is changed in the file that an admin wrote: its line, and nothing else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailguard.document import yaml
from mailguard.document.edit import Change, Edited, NotInPlace
from mailguard.people import People
from mailguard.records import Mode
from mailguard.rules.loader import parse
from mailguard.rules.rule import Rule, RuleSet


@dataclass(frozen=True, slots=True)
class Promotion:
    """What would be written: the file's new text, its old one, and the line that differs."""

    path: Path
    before: str
    after: str
    change: Change


def move(rules: RuleSet, rule: Rule, people: People, *, mode: Mode, groups: Sequence[str] = ()) -> Promotion | None:
    """The rule in this mode, for senders in these groups (empty: all); None when it is so already.

    The whole policy is read again with the change. Raises RuleError where that is wrong (a group that is not there),
    NotInPlace where a person must write it, OSError where the file can't be read.
    """
    if (rule.mode, tuple(rule.pilot)) == (mode, tuple(groups)):
        return None
    path = Path(rule.path)
    before = path.read_bytes().decode()
    document = yaml.parse(before, rule.path)
    number = [one["id"] for one in document.data["rules"]].index(rule.id)
    edited = Edited(before, document)
    change = _change(edited, document.data["rules"][number], ("rules", number), _entry(mode, groups))
    changed = yaml.parse(edited.text, rule.path)
    parse([changed if one.path == rule.path else one for one in rules.documents], people)
    return Promotion(path, before, edited.text, change)


def _entry(mode: Mode, groups: Sequence[str]) -> str:
    if not groups:
        return f"mode: {mode}"
    return f"enforce: {{groups: [{', '.join(map(_plain, groups))}]}}"


def _plain(group: str) -> str:
    """A name as YAML takes it, in quotes where it must be."""
    return group if group.replace("-", "").replace("_", "").isalnum() and group[0].isalpha() else json.dumps(group)


def _change(edited: Edited, data: dict[str, Any], at: tuple[str, int], entry: str) -> Change:
    """`mode` and `enforce` say the same thing in two ways: one of them is written where the other stands."""
    there = [key for key in ("mode", "enforce") if key in data]
    if len(there) > 1:
        raise NotInPlace(f"the rule {data['id']} has mode and enforce: take one of them out")
    return edited.replace((*at, there[0]), entry) if there else edited.insert_after((*at, "id"), entry)
