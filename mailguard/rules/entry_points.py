"""Conditions and actions of other packages, found by entry point and looked at before any rule may use them."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import mailguard.rules.conditions  # noqa: F401 - registers our own
from mailguard.document.problem import Problem
from mailguard.rules.actions import ACTIONS
from mailguard.rules.codes import Code
from mailguard.rules.compound import CompoundAction
from mailguard.rules.condition import REGISTER, Condition

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NOT_NAMES = ("all", "any", "not")  # they join conditions
_SHOWN = 200  # letters of what an import said


@dataclass(frozen=True)
class _Kind:
    """What an entry-point group brings: `base` is derived from, `told` what must be written anew."""

    noun: str
    base: type[Condition] | type[CompoundAction]
    register: dict[str, Any]
    told: Callable[[type[Any]], Any]


_KINDS = {
    "mailguard.conditions": _Kind("condition", Condition, REGISTER, lambda kind: kind.match),
    "mailguard.actions": _Kind("action", CompoundAction, ACTIONS, lambda kind: kind.means),
}
_brought: dict[tuple[str, str], str] = {}  # what is registered by a package, and by which


def register() -> list[Problem]:
    """Make known what the installed packages bring, and say what cannot be used. What is known already stays."""
    return [
        problem
        for group in _KINDS
        for point in sorted(entry_points(group=group), key=lambda point: (_package(point), point.name))
        for problem in _take(point)
    ]


def _take(point: EntryPoint) -> Iterator[Problem]:
    kind, package = _KINDS[point.group], _package(point)
    key = (point.group, point.name)
    if _brought.get(key) == package:
        return
    if not _NAME.fullmatch(point.name) or point.name in _NOT_NAMES:
        yield _wrong(point, f'"{point.name}" can\'t be the name of a {kind.noun}', "small letters, digits and _")
        return
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:_SHOWN]
        yield _wrong(point, f"{point.value} cannot be imported: {said}", "install what it needs, or uninstall it")
        return
    if wrong := _unfit(found, point.name, kind):
        yield _wrong(point, f"{point.value} {wrong[0]}", wrong[1])
    elif kind.register.get(point.name, found) is not found:
        other = _brought.get(key, "mailguard itself")
        yield _wrong(point, f'there is a {kind.noun} "{point.name}" already, of {other}', "uninstall one of the two")
    else:
        found.called = point.name
        kind.register[point.name] = found
        _brought[key] = package


def _unfit(found: Any, name: str, kind: _Kind) -> tuple[str, str] | None:
    """What is wrong with it and how to mend that."""
    if not inspect.isclass(found) or not issubclass(found, kind.base):
        return f"is no {kind.noun}", f"derive it from mailguard.plugin.{kind.base.__name__}"
    if kind.told(found) is kind.told(kind.base):
        return f"does not say what the {kind.noun} does", f"write its method {kind.told(found).__name__}"
    if vars(found).get("called", name) != name:
        return f'is called "{found.called}" already', "a class has one name: derive another class for the second"
    try:
        found.schema_of()
    except Exception as error:
        return f"has no JSON schema: {type(error).__name__}", "use plain types for its keys, or write its schema_of"
    return None


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"


def _wrong(point: EntryPoint, message: str, help: str) -> Problem:  # noqa: A002
    where = f"{_package(point)} ({point.group}: {point.name})"
    return Problem(Code.PLUGIN.value, "error", where, 0, 0, 0, message, help)
