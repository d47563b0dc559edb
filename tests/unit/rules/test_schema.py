"""The JSON Schema knows what the loader knows."""

import json
from typing import Any

from mailguard.rules.actions import ACTIONS
from mailguard.rules.condition import REGISTER
from mailguard.rules.schema import json_schema
from tests.unit.rules.judge import problems, rule

SCHEMA = json_schema()


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if "$ref" in part else set[str]()
        return own.union(*(references(value) for value in part.values()))
    return set().union(*(references(value) for value in part)) if isinstance(part, list) else set()


def test_every_condition_and_action_is_described() -> None:
    defs = SCHEMA["$defs"]
    for name in [f"condition.{key}" for key in REGISTER] + [f"action.{key}" for key in ACTIONS]:
        assert defs[name]["description"], name


def test_every_reference_leads_somewhere() -> None:
    found = references(SCHEMA)
    assert len(found) > 20
    assert {f"#/$defs/{name}" for name in SCHEMA["$defs"]} >= found


def test_a_rule_allows_exactly_its_keys() -> None:
    rule = SCHEMA["$defs"]["rule"]
    assert rule["additionalProperties"] is False
    assert {
        "id",
        "when",
        "unless",
        "then",
        "explain",
        "mode",
        "enforce",
        "stop",
        "on_error",
        "budget",
        "severity",
        "description",
    } == set(rule["properties"])
    keys = SCHEMA["$defs"]["when"]["anyOf"][0]["properties"]
    assert set(keys) == {*REGISTER, "all", "any", "not"}


def test_short_forms_are_known() -> None:
    hold = SCHEMA["$defs"]["action.hold"]["anyOf"]
    assert {"const": "sender_confirms"} in hold
    until = next(form for form in hold if "properties" in form)["properties"]["until"]["anyOf"]
    assert {"const": "sender_confirms", "type": "string"} in until
    kinds = SCHEMA["$defs"]["condition.attachment"]["properties"]["type"]["anyOf"]
    assert "archive" in kinds[0]["enum"]


def test_conditions_with_a_short_form_offer_it() -> None:
    for name, short in (("secret", True), ("tone", "heated"), ("greeting", "no_recipient")):
        assert {"const": short} in SCHEMA["$defs"][f"condition.{name}"]["anyOf"]
    one, several = SCHEMA["$defs"]["condition.identifier"]["properties"]["kind"]["anyOf"]
    assert "iban" in one["anyOf"][0]["enum"]
    assert several["items"] == one


def test_places_and_kinds_can_be_completed() -> None:
    words = SCHEMA["$defs"]["condition.words"]
    assert set(words["properties"]) == {"list", "any", "ignore", "in", "at_least", "forms"}
    assert SCHEMA["$defs"]["Place"]["enum"] == ["subject", "body", "quoted", "attachments", "file_names"]


def test_every_condition_and_action_has_an_example_that_is_accepted() -> None:
    for name, kind in REGISTER.items():
        assert kind.examples, name
        assert SCHEMA["$defs"][f"condition.{name}"]["examples"] == list(kind.examples)
        for value in kind.examples:
            assert problems(rule(json.dumps({name: value}))) == [], name
    for name, spec in ACTIONS.items():
        assert spec.examples, name
        assert SCHEMA["$defs"][f"action.{name}"]["examples"] == list(spec.examples)
        for value in spec.examples:
            assert problems(rule("{recipients: {any: external}}", json.dumps([{name: value}]))) == [], name
