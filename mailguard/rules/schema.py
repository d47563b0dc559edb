"""The JSON Schema of rule files, for editors that complete and check YAML."""

import inspect
from typing import Any

from mailguard.document.problem import summary
from mailguard.errors import RuleError
from mailguard.rules import entry_points
from mailguard.rules.action import ActionSpec
from mailguard.rules.actions import ACTIONS
from mailguard.rules.condition import REGISTER, Condition
from mailguard.rules.file import Head, RuleFile

_WHEN = {"$ref": "#/$defs/when"}


def json_schema() -> dict[str, Any]:
    """Draft 2020-12. It knows keys and words; names (lists, groups) are checked by `mailguard check`.

    Conditions and actions of other packages are in it. Raises RuleError when one of them cannot be used.
    """
    if problems := entry_points.register():
        raise RuleError(summary(problems), problems)
    defs: dict[str, Any] = {}
    for name, kind in REGISTER.items():
        defs[f"condition.{name}"] = _described(_hoisted(kind.schema_of(), defs), kind)
    for name, spec in ACTIONS.items():
        whole = _action(_hoisted(spec.schema_of(), defs), name)
        defs[f"action.{name}"] = _described(whole, spec)
    defs |= {"when": _when(), "rule": _rule(_hoisted(Head.model_json_schema(), defs))}
    top = _hoisted(RuleFile.model_json_schema(), defs)
    top["properties"]["rules"]["items"] = {"$ref": "#/$defs/rule"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "mailguard rules",
        "$defs": dict(sorted(defs.items())),
    }


def _hoisted(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """The schema with its own definitions moved to the common ones, where its references look for them."""
    defs |= schema.pop("$defs", {})
    return schema


def _described(schema: dict[str, Any], kind: type[Condition] | type[ActionSpec]) -> dict[str, Any]:
    examples = {"examples": list(kind.examples)} if kind.examples else {}
    return {"description": inspect.getdoc(kind) or "", **schema, **examples}


def _when() -> dict[str, Any]:
    """Keys of one mapping are AND, a list is OR."""
    several = {"type": "array", "minItems": 1, "items": _WHEN}
    keys = {name: _one_or_several(name) for name in REGISTER}
    keys |= {
        "all": {**several, "description": "Every one of these is true"},
        "any": {**several, "description": "At least one of these is true"},
        "not": {**_WHEN, "description": "These are not true"},
    }
    mapping = {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": keys}
    return {"anyOf": [mapping, several]}


def _one_or_several(name: str) -> dict[str, Any]:
    reference = {"$ref": f"#/$defs/condition.{name}"}
    if name in ("sender", "always"):
        return reference
    return {"anyOf": [reference, {"type": "array", "minItems": 1, "items": reference}]}


def _rule(schema: dict[str, Any]) -> dict[str, Any]:
    entries = [
        {"type": "object", "properties": {name: {"$ref": f"#/$defs/action.{name}"}}, "required": [name],
         "additionalProperties": False}
        for name in ACTIONS
    ]  # fmt: skip
    then = {"type": "array", "items": {"anyOf": entries}, "description": schema["properties"]["then"]["description"]}
    schema["properties"] |= {"when": _WHEN, "unless": _WHEN, "then": then}
    schema["required"] = ["id", "when"]
    return schema


# The short forms beside the mapping: `delay: 5m`.
_SHORT: dict[str, dict[str, Any]] = {
    "delay": {"type": "string", "description": "how long, like 5m"},
    "hold": {"const": "sender_confirms"},
    "cc": {"type": "string", "description": "whom to add"},
    "bcc": {"type": "string", "description": "whom to add"},
    "to_bcc": {"enum": [True, "matching", "all"], "description": "whom to hide"},
    "drop": {"const": True},
    "reject": {"type": ["string", "boolean"], "description": "what the sender is told"},
    "disclaimer": {"type": "string", "description": "the words"},
    "notify": {"type": "string", "description": "whom to tell"},
}
_SEVERAL = {"cc": "add", "bcc": "add", "notify": "to"}  # keys that take one or a list


def _action(schema: dict[str, Any], name: str) -> dict[str, Any]:
    if name == "tag":  # its value is the list itself
        names = schema["properties"]["names"]
        return {"anyOf": [{"type": "string"}, names]}
    if name in _SEVERAL:
        field = schema["properties"][_SEVERAL[name]]
        schema["properties"][_SEVERAL[name]] = {"description": field.get("description", "")}
    return {"anyOf": [_SHORT[name], schema]} if name in _SHORT else schema
