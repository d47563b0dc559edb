"""Whom a rule names and nobody knows: an approver who left, a group without members, managers that no one has."""

from collections.abc import Iterator, Mapping
from typing import Any

from mailguard.document.model import suggest
from mailguard.mail import address
from mailguard.people import People
from mailguard.rules.actions import MANAGER
from mailguard.rules.binder import WELL_KNOWN_GROUPS

Loc = tuple[str | int, ...]

# What is written in these are texts and names of fields, never people.
_TEXTS = ("words", "pattern", "header", "label", "identifier", "secret", "tag", "reject", "subject", "add_header")


def absent(rule: Mapping[str, Any], people: People) -> Iterator[tuple[Loc, str, str]]:
    """The place of each, what is wrong, and the fix. Addresses only where people are known at all."""
    for part in ("when", "unless", "then"):
        for loc, value in _walked(rule.get(part), (part,)):
            if isinstance(value, dict):
                group = value["group"]
                if part == "then" and group not in WELL_KNOWN_GROUPS and not people.groups.get(group):
                    yield (*loc, "group"), f"nobody is in the group {group}", "name who belongs there in people.yaml"
            elif value == MANAGER and not any(person.manager for person in people.persons):
                yield loc, f"{MANAGER}, and no manager of anybody is known", "name managers in people.yaml"
            elif _ours(value, people) and people.persons and not people.knows(value):
                meant = suggest(value, [person.address for person in people.persons])
                fix = f'did you mean "{meant}"?' if meant else "put it right, or name it in people.yaml"
                yield loc, f"nobody we know has the address {value}", fix


def _ours(text: str, people: People) -> bool:
    return "@" in text and "*" not in text and people.organization.owns(address.key(text))


def _walked(value: Any, loc: Loc) -> Iterator[tuple[Loc, Any]]:
    """Every text, and every mapping that names a group, with its place."""
    if isinstance(value, str):
        yield loc, value
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _walked(one, (*loc, number))
    elif isinstance(value, dict):
        if isinstance(value.get("group"), str):
            yield loc, value
        for key, one in value.items():
            if key not in _TEXTS and key != "group":
                yield from _walked(one, (*loc, key))
