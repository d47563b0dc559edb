"""Whether conditions, as they are written, can be true at all, and whether one implies another."""

import json
from typing import Any

from mailguard.people import People
from mailguard.rules.binder import WELL_KNOWN_GROUPS

_ADDRESSED = ("recipients", "to", "cc", "bcc")


def said(data: Any) -> str:
    """The same text for the same YAML, in whatever order its keys stand."""
    return json.dumps(data, sort_keys=True, default=str)


def asks(when: Any) -> frozenset[tuple[str, str]]:
    """What must all be true, each as text; nothing for `always`."""
    parts = when if isinstance(when, dict) else {"any": when}
    return frozenset((key, said(value)) for key, value in parts.items() if key != "always")


def includes(narrow: Any, wide: Any) -> bool:
    """Whether `wide` is surely true of every mail that `narrow` is true of."""
    return asks(wide) <= asks(narrow)


def why(when: Any, people: People) -> str:
    """Why no mail can match; "" when one may. What stands under `not` is not looked into."""
    if isinstance(when, list):
        return _all_of([why(part, people) for part in when])
    for key, value in when.items() if isinstance(when, dict) else ():
        if found := _part(key, value, people):
            return found
    return ""


def _part(key: str, value: Any, people: People) -> str:
    if key == "any":
        return why(value, people)
    if key == "all":
        return next(filter(None, (why(part, people) for part in value)), "")
    if key == "sender":
        return _nobody(value, people)
    if key in _ADDRESSED:
        some = value if isinstance(value, list) else [value]
        return _all_of([_addresses(key, one, people) for one in some])
    return ""


def _addresses(key: str, spec: Any, people: People) -> str:
    any_, all_, none = (spec.get(word) for word in ("any", "all", "none"))
    for wanted in (any_, all_):
        if wanted is None:
            continue
        if found := _nobody(wanted, people):
            return found
        if said(wanted) == said(none):
            return f"{key} asks for the same people and for none of them"
    if {said(any_), said(all_)} == {said("internal"), said("external")}:
        return f"{key} asks for all to be on one side, and for one on the other"
    return ""


def _nobody(spec: Any, people: People) -> str:
    """Why this WHO is nobody among these people."""
    if isinstance(spec, list):
        return _all_of([_nobody(part, people) for part in spec])
    if not isinstance(spec, dict):
        return ""
    if group := spec.get("group"):
        empty = group not in WELL_KNOWN_GROUPS and not people.groups.get(group)
        return f"nobody is in the group {group}" if empty else ""
    parts = spec.get("all") or []
    if "internal" in parts and "external" in parts:
        return "nobody is internal and external"
    return next(filter(None, (_nobody(part, people) for part in parts)), "")


def _all_of(reasons: list[str]) -> str:
    """An OR is hopeless when every part of it is."""
    return "; ".join(dict.fromkeys(reasons)) if reasons and all(reasons) else ""
