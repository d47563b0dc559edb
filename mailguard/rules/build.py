"""One rule of a file: its conditions as a tree, its actions, and what does not go together."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mailguard.document import yaml
from mailguard.document.model import did_you_mean, validate
from mailguard.document.yaml import Loc
from mailguard.records import Mode
from mailguard.rules import actions, logic, template
from mailguard.rules import condition as conditions
from mailguard.rules.action import ActionSpec, Copies
from mailguard.rules.actions import ACTIONS, ASSISTANT
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code
from mailguard.rules.compound import CompoundAction
from mailguard.rules.delay import Delay
from mailguard.rules.file import Head
from mailguard.rules.logic import Node
from mailguard.rules.rule import Rule

Placed = tuple[int, ActionSpec]  # the number of its entry in `then`, and the action

_GROUPS = ("all", "any", "not")
_EMPTY_FIX = "write always: true to mean every mail"


def build_rule(head: Head | None, binder: Binder) -> Rule | None:
    """The rule at the binder's place, or None; problems go to the binder. `head` is None when it was wrong already."""
    data = binder.value()
    if not isinstance(data, dict):
        return None
    when = _when(data, binder)
    unless = build_node(data["unless"], binder.below("unless")) if data.get("unless") is not None else None
    then = _then(data, binder)
    if head is not None:
        texts = {(): head.explain} if isinstance(head.explain, str) else {(n,): t for n, t in head.explain.items()}
        for place, text in texts.items():
            template.check(text, binder, "explain", *place)
    if when is not None and then is not None:
        _check_copies(when, then, binder)
    if head is not None:
        _check_pilot(head, binder)
    if head is None or when is None or then is None:
        return None
    return Rule(
        id=head.id, when=when, then=tuple(spec for _, spec in then), unless=unless,
        description=head.description, explain=head.explain, severity=head.severity,
        mode=head.mode, stop=head.stop, on_error=head.on_error,
        budget=head.budget.total_seconds() if head.budget else None,
        pilot=head.enforce.groups if head.enforce else (),
        path=binder.document.path, line=binder.document.mark((*binder.at, "id"))[0],
    )  # fmt: skip


def _check_pilot(head: Head, binder: Binder) -> None:
    if head.enforce is None:
        return
    if head.mode is Mode.AUDIT:
        fix = "take the mode line out: for all others it is in audit anyway"
        binder.wrong(("mode",), Code.CONTRADICTION, "mode: audit acts for nobody, and enforce names for whom", fix)
    place = binder.below("enforce", "groups")
    single = not isinstance(place.value(), list)
    for number, name in enumerate(head.enforce.groups):
        place.group(name, *(() if single else (number,)))


def _when(data: dict[str, Any], binder: Binder) -> Node | None:
    if data.get("when") is None:
        message = "the rule has no when" if "when" not in data else "an empty when"
        binder.wrong(("when",) if "when" in data else (), Code.EMPTY_WHEN, message, _EMPTY_FIX, key="when" in data)
        return None
    return build_node(data["when"], binder.below("when"))


def build_node(data: Any, binder: Binder) -> Node | None:
    """A mapping is AND, a list is OR; None and a problem when something in it is wrong."""
    if data in ({}, []):
        binder.wrong((), Code.EMPTY_WHEN, f"an empty {binder.at[-1]}", _EMPTY_FIX, key=True)
        return None
    if isinstance(data, list):
        return _group(logic.Any, [build_node(part, binder.below(n)) for n, part in enumerate(data)])
    if not isinstance(data, dict):
        fix = "write conditions as keys, like {recipients: {any: external}}"
        binder.wrong((), Code.SHAPE, "a mapping of conditions is expected here", fix)
        return None
    return _group(logic.All, [_part(key, value, binder) for key, value in data.items()])


def _part(key: str, value: Any, binder: Binder) -> Node | None:
    below = binder.below(key)
    if key == "not":
        inner = build_node(value, below)
        return logic.Not(inner) if inner is not None else None
    if key in _GROUPS:
        if not isinstance(value, list) or not value:
            code = Code.SHAPE if value else Code.EMPTY_WHEN
            below.wrong((), code, f"{key} needs a list of conditions", f"write {key}: [{{…}}, {{…}}]", key=True)
            return None
        kind = logic.All if key == "all" else logic.Any
        return _group(kind, [build_node(part, below.below(n)) for n, part in enumerate(value)])
    return _condition(key, value, below)


def _condition(key: str, value: Any, binder: Binder) -> Node | None:
    if key not in conditions.REGISTER:
        known = (*conditions.REGISTER, *_GROUPS)
        binder.wrong((), Code.CONDITION, f'there is no condition "{key}"', did_you_mean(key, known), key=True)
        return None
    if isinstance(value, list) and value and key not in ("sender", "always"):
        return _group(logic.Any, [_leaf(key, binder.below(n)) for n, _ in enumerate(value)])
    return _leaf(key, binder)


def _leaf(key: str, binder: Binder) -> Node | None:
    """One condition; what many rules say in the same words is one leaf, asked once a mail."""
    said = f"{key} {json.dumps(binder.value(), sort_keys=True, default=str)}"
    if known := binder.names.leaves.get(said):
        known.shared = True
        return known
    leaf, before = None, len(binder.problems)
    with _reported(f"the condition {key}", binder):
        kind = conditions.REGISTER[key]
        found, problems = validate(binder.document, kind, binder.at, context=binder.context)
        if not isinstance(binder.value(), dict) and kind.examples:
            like = f"write it like {key}: {json.dumps(kind.examples[0], ensure_ascii=False)}"
            problems = [one if one.help else replace(one, help=like) for one in problems]
        binder.problems.extend(problems)
        if found is not None:
            found.bind(binder)
            leaf = logic.Leaf(found, binder.names.mark(said, binder.value()))
    if leaf is not None and len(binder.problems) == before:  # what is wrong is said at each of its places
        binder.names.leaves[said] = leaf
    return leaf


def _group(kind: type[logic.All] | type[logic.Any], parts: Sequence[Node | None]) -> Node | None:
    sound = [part for part in parts if part is not None]
    if len(sound) < len(parts):
        return None
    return sound[0] if len(sound) == 1 else kind(sound)


def _then(data: dict[str, Any], binder: Binder) -> Sequence[Placed] | None:
    then = data.get("then")
    if not then and data.get("stop") is True:
        return ()
    if not then:
        fix = "write then: [{delay: 5m}], or stop: true to end with this rule"
        binder.wrong(("then",) if "then" in data else (), Code.NO_ACTION, "the rule does nothing", fix)
        return None
    if not isinstance(then, list):
        binder.wrong(("then",), Code.SHAPE, "then needs a list of actions", "write then: [{delay: 5m}]")
        return None
    made = [_actions(entry, binder.below("then", number)) for number, entry in enumerate(then)]
    sound = [(number, spec) for number, specs in enumerate(made) for spec in specs or ()]
    _once(sound, binder)
    return sound if all(made) else None


def _actions(entry: Any, binder: Binder) -> Sequence[ActionSpec] | None:
    """The action of an entry, or all that a compound one stands for."""
    spec = _action(entry, binder)
    if not isinstance(spec, CompoundAction):
        return [spec] if spec is not None else None
    below = binder.below(spec.called)
    with _reported(f"the action {spec.called}", below):
        said = json.dumps({"then": spec.means()})
        inner = Binder(yaml.parse(said, binder.document.path), (), binder.context, binder.names, [])
        found = [_action(one, inner.below("then", n)) for n, one in enumerate(inner.value()["then"])]
        for problem in inner.problems:
            below.wrong((), Code.PLUGIN, f"{spec.called} stands for something wrong: {problem.message}", problem.help)
        if any(isinstance(one, CompoundAction) for one in found):
            below.wrong((), Code.PLUGIN, f"{spec.called} stands for an action that is not mailguard's own")
        if not found:
            below.wrong((), Code.PLUGIN, f"{spec.called} stands for nothing")
        return [one for one in found if one is not None]
    return None


@contextmanager
def _reported(what: str, binder: Binder) -> Iterator[None]:
    """Whatever goes wrong in code of another package is a finding about this place."""
    try:
        yield
    except Exception as error:
        message = f"{what} fails on this: {type(error).__name__}: {error}"
        binder.wrong((), Code.PLUGIN, message, "that is a mistake of the package it comes from: tell its author")


def _action(entry: Any, binder: Binder) -> ActionSpec | None:
    if not isinstance(entry, dict) or len(entry) != 1:
        fix = "begin every action with its own dash: - delay: 5m"
        binder.wrong((), Code.ONE_ACTION, "each entry of then is one action", fix)
        return None
    ((key, _),) = entry.items()
    if key not in ACTIONS:
        binder.wrong((key,), Code.ACTION, f'there is no action "{key}"', did_you_mean(key, tuple(ACTIONS)), key=True)
        return None
    spec: ActionSpec | None = None
    with _reported(f"the action {key}", binder.below(key)):
        spec, problems = validate(binder.document, ACTIONS[key], (*binder.at, key), context=binder.context)
        binder.problems.extend(problems)
        if spec is not None:
            spec.bind(binder.below(key))
    if isinstance(spec, actions.Reject) and spec.message:
        template.check(spec.message, binder, key)
    return spec


def _once(made: Sequence[Placed], binder: Binder) -> None:
    for kind in (actions.Hold, actions.Reject):
        places = [number for number, spec in made if isinstance(spec, kind)]
        if len(places) > 1:
            fix = "one rule holds or rejects once: write a second rule"
            loc: Loc = ("then", places[-1], kind.called)
            binder.wrong(loc, Code.CONTRADICTION, f"two {kind.called} actions in one rule", fix, key=True)


def _check_copies(when: Node, then: Sequence[Placed], binder: Binder) -> None:
    if any(leaf.names_recipients for leaf in when.leaves()):
        return
    fix = "ask for recipients in when, like recipients: {any: external}"
    for number, spec in then:
        if isinstance(spec, Delay) and spec.copies is Copies.MATCHING:
            loc: Loc = ("then", number, "delay", "copies")
            binder.wrong(loc, Code.COPIES, "copies: matching, but no condition says which recipients", fix)
        if isinstance(spec, actions.ToBcc) and spec.copies is Copies.MATCHING:
            loc = ("then", number, "to_bcc")
            binder.wrong(loc, Code.COPIES, "to_bcc, but no condition says which recipients", f"{fix}; or to_bcc: all")
        if isinstance(spec, actions.Drop):
            binder.wrong(("then", number, "drop"), Code.COPIES, "drop, but no condition says which recipients", fix)
        if isinstance(spec, actions.Copy) and ASSISTANT in spec.add:
            loc = ("then", number, spec.called, "add")
            binder.wrong(loc, Code.COPIES, f"{ASSISTANT}, but no condition says which recipients", fix)
