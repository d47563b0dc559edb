"""From a document to a model: each mistake is one finding, in words, at the right place."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, TypeAdapter, ValidationError, model_validator

from mailguard.document import yaml
from mailguard.document.model import BadValue, findings_of, suggest, validate
from mailguard.document.problem import Problem
from mailguard.document.units import Duration, HostPort, Section


class Helper(Section):
    address: str
    sees: Literal["copy", "notice"] = "copy"


class Listener(Section):
    bind: HostPort = Field(examples=["127.0.0.1:25"])
    tls: Literal["none", "starttls", "implicit"] = "none"
    networks: tuple[IPv4Network, ...] = ()

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.tls == "none" and self.bind.endswith(":465"):
            raise BadValue("port 465 speaks TLS", "use tls: implicit", code="MG106", at=("bind",))
        return self


class Smtp(Section):
    hostname: str
    """The name we use."""
    listeners: tuple[Listener, ...] = ()
    assistant: str | Helper | None = None
    wait: Duration = Field(default="5m", validate_default=True)
    count: int = Field(default=1, ge=1, le=9)
    on: bool = True
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    words: list[str] = Field(default_factory=lambda: ["a"], min_length=1)
    password: SecretStr | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    old_key: SecretStr | None = None
    folder: Path | None = None
    exempt: str = Field(default="", alias="except")


class Root(Section):
    version: Literal[1] = 1
    smtp: Smtp


@dataclass(frozen=True)
class Plain:
    at_least: int


def wrong(text: str, model: Any = Root) -> list[Problem]:
    value, problems = validate(yaml.parse(text, "f.yaml"), model)
    assert value is None
    return problems


def test_a_right_document_becomes_the_model() -> None:
    document = yaml.parse("smtp: {hostname: a, wait: 1h, listeners: [{bind: 'x:1'}]}\n", "f.yaml")
    root, problems = validate(document, Root)
    assert problems == []
    assert root is not None
    assert root.smtp.listeners[0].bind == "x:1"


# (what stands under smtp:, code, marked text, message, help)
ONE = [
    ("listners: []", "MG103", "listners", 'unknown key "listners" in smtp', 'did you mean "listeners"?'),
    ("excpt: a", "MG103", "excpt", 'unknown key "excpt" in smtp', 'did you mean "except"?'),
    ("listeners: [{bind: 'x:1', tsl: none}]", "MG103", "tsl", 'unknown key "tsl" in smtp.listeners', 'mean "tls"?'),
    ("listeners: [{bind: 'x:1', tls: startls}]", "MG104", "startls",
     '"startls" is not one of none, starttls, implicit', 'did you mean "starttls"?'),
    ("listeners: [{tls: none}]", "MG105", "{tls: none}",
     'smtp.listeners needs the key "bind"', "for example bind: 127.0.0.1:25"),
    ("listeners: [{bind: x}]", "MG106", "x", "'x' is not HOST:PORT", ""),
    ("listeners: [{bind: 'x:465'}]", "MG106", "'x:465'", "port 465 speaks TLS", "use tls: implicit"),
    ("listeners: [{bind: 'x:1', networks: [300.1.1.1]}]", "MG106", "300.1.1.1",
     'networks must be an IP address or network, like 127.0.0.0/8, not the text "300.1.1.1"', ""),
    ("listeners: {bind: 'x:1'}", "MG106", "listeners", "listeners must be a list, like [a, b], not a mapping", ""),
    ("listeners: [5]", "MG106", "5", "listeners must be a mapping of keys, not 5", ""),
    ("listeners:", "MG106", "listeners", '"listeners" has no value', "expected a list"),
    ("assistant: {address: a, sees: copies}", "MG104", "copies", '"copies" is not one of copy, notice', '"copy"?'),
    ("assistant: {adress: a}", "MG105", "assistant", 'smtp.assistant needs the key "address"', ""),
    ("assistant: 5", "MG106", "5", "assistant must be text, not 5", 'put it in quotes: "5"'),
    ("wait: 5 minutes", "MG106", "5 minutes", "'5 minutes' is not a duration: write", ""),
    ("wait: 5", "MG106", "5", "5 is not a duration", ""),
    ("count: 0", "MG107", "0", "count: 0 must be at least 1", ""),
    ("count: 10", "MG107", "10", "count: 10 must be at most 9", ""),
    ("count: many", "MG106", "many", 'count must be a whole number, not the text "many"', ""),
    ("count: 1.5", "MG106", "1.5", "count must be a whole number, not 1.5", ""),
    ("on: maybe", "MG106", "maybe", 'on must be true or false, not the text "maybe"', ""),
    ("words: []", "MG107", "words", "words needs at least 1 entry", ""),
    ("words: one", "MG106", "one", 'words must be a list, like [a, b], not the text "one"', "write [one]"),
    ("words: [2027]", "MG106", "2027", "words must be text, not 2027", 'put it in quotes: "2027"'),
    ("groups: {a: b}", "MG106", "b", "a must be a list, like [a, b]", "write [b]"),
    ("groups: [a]", "MG106", "groups", "groups must be a mapping of keys, not a list", ""),
    ("folder: 5", "MG106", "5", "folder must be a path, not 5", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "marked", "message", "how"), ONE)
def test_one_mistake_is_one_sentence_at_its_place(text: str, code: str, marked: str, message: str, how: str) -> None:
    problems = wrong(f"smtp:\n  hostname: a\n  {text}\n")
    problem = next(p for p in problems if message in p.message)
    assert len(problems) == (2 if "adress" in text else 1)
    assert (problem.code, problem.severity, problem.line) == (code, "error", 3)
    assert problem.source[problem.column - 1 :][: problem.length] == marked
    assert how in problem.help


def test_a_missing_section_and_a_wrong_version_are_told_together() -> None:
    problems = wrong("version: 2\n")
    assert [problem.message for problem in problems] == ["version must be 1, not 2", 'the key "smtp" is missing']


def test_a_missing_key_says_what_it_is_for() -> None:
    (problem,) = wrong("smtp: {}\n")
    assert (problem.message, problem.help) == ('smtp needs the key "hostname"', "hostname: The name we use")


def test_all_mistakes_of_a_file_come_at_once() -> None:
    assert len(wrong("smtp:\n  listners: []\n  wait: x\n  count: 0\n  on: maybe\n")) == 5


@pytest.mark.parametrize("name", ["password", "client_secret", "refresh_token", "old_key"])
def test_a_wrong_secret_is_never_shown(name: str) -> None:
    (problem,) = wrong(f"smtp: {{hostname: a, {name}: 86753090}}\n")
    assert problem.message == f"{name} must be text"
    assert "8675309" not in str(problem)


def test_the_context_may_depend_on_the_place() -> None:
    document = yaml.parse("smtp: {hostname: 1, wait: x}\n", "f.yaml")
    _, problems = validate(document, Root, context=lambda loc: f"about {loc[-1]}")
    assert [problem.context for problem in problems] == ["about hostname", "about wait"]


def test_a_part_of_a_document_is_validated_at_its_place() -> None:
    document = yaml.parse("rules:\n  - hostname: a\n    wiat: 5m\n", "f.yaml")
    _, (problem,) = validate(document, Smtp, ("rules", 0), context="rule a")
    assert (problem.line, problem.column, problem.context) == (3, 5, "rule a")
    assert problem.help == 'did you mean "wait"?'


def test_plain_dataclasses_are_models_too() -> None:
    document = yaml.parse("at_least: many\n", "f.yaml")
    _, (problem,) = validate(document, Plain)
    assert problem.message == 'at_least must be a whole number, not the text "many"'


@pytest.mark.parametrize(
    ("word", "meant"),
    [("externl", "external"), ("EXTERNAL", "external"), ("at-least", "at_least"), ("zzz", None)],
)
def test_suggestions_are_near_or_none(word: str, meant: str | None) -> None:
    assert suggest(word, ["internal", "external", "at_least"]) == meant


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*Smtp.model_fields, "bind", "address", "smtp", "zzz"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_word_of_the_validator_gets_out(data: object) -> None:
    try:
        TypeAdapter(Root).validate_python(data)
    except ValidationError as error:
        findings = findings_of(error, data, Root)
        assert findings
        for finding in findings:
            assert re.fullmatch(r"MG1\d\d", finding.code)
            assert not re.search(r"[Ii]nput should|pydantic|Field required|valid_|_type|\[type=", finding.message)
