"""Files that people write: whatever is in them, they mean something or every problem has a place in the file."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from mailguard import config, people
from mailguard.document import yaml as document
from mailguard.document.core import scalar
from mailguard.document.problem import Problem, render
from mailguard.document.yaml import Document
from mailguard.errors import ConfigError
from mailguard.people import Organization
from mailguard.rules import loader
from mailguard.smtpd import users
from tests.fuzz.target import target

_PLACE = Path(tempfile.mkdtemp(prefix="mailguard-fuzz-")) / "file.yaml"
_HOME = Organization(domains=("corp.example",))
_EVERYBODY = people.empty(_HOME)
_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_YAML = [
    b"version: 1\n", b"a: ", b"- ", b"\n", b"  ", b"\t", b": ", b"{", b"}", b"[", b"]", b", ", b"'", b'"', b"|\n",
    b">-\n",
    b"&a ", b"*a", b"!!str ", b"<<: ", b"? ", b"# x\n", b"---\n", b"...\n", b"%YAML 1.1\n", b"null", b"true", b"no",
    b"0x1F", b"0o17", b"1e3", b".inf", b"-.5", b"17:30", b"2027-01-31", b"\\x00", b"\\u2028", b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xc5\xbc", b"\r", b"password: ",
]  # fmt: skip


@target("yaml", "any file is read as YAML 1.2, or told where it is wrong", _YAML)
def yaml_(data: bytes) -> None:
    read = _document(data)
    if b"!" in data:  # composed by another schema, a node does not say whether its tag was written
        return
    try:
        events = list(yaml.parse(_text(data), Loader=yaml.CSafeLoader)) if read else []
    except yaml.YAMLError:
        events = []
    if read:
        assert events, "what libyaml refuses is read"
        root = yaml.compose(_text(data), Loader=yaml.CSafeLoader)
        assert _same(read.data, _value(root)), "read in another way than YAML says"


def _value(node: Any) -> Any:
    """The composed node by the core schema, every key as it is written."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: _value(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(each) for each in node.value]
    return _core(node.value) if not node.style and node.tag != "tag:yaml.org,2002:str" else node.value


def _core(text: str) -> Any:
    """The core schema of YAML 1.2 (§10.3.2), by its own table; no number of people's has more than a hundred digits."""
    table: list[tuple[str, Callable[[str], Any]]] = [
        (r"null|Null|NULL|~|", lambda _: None),
        (r"true|True|TRUE|false|False|FALSE", lambda word: word.lower() == "true"),
        (r"[-+]?[0-9]{1,100}", int),
        (r"0o[0-7]{1,100}", lambda word: int(word[2:], 8)),
        (r"0x[0-9a-fA-F]{1,100}", lambda word: int(word[2:], 16)),
        (r"(?=.{1,100}\Z)[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", float),
        (r"[-+]?(\.inf|\.Inf|\.INF)", lambda word: float(word.replace(".", ""))),
        (r"\.nan|\.NaN|\.NAN", lambda _: float("nan")),
    ]
    return next((make(text) for form, make in table if re.fullmatch(form, text)), text)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - not a number


def _text(data: bytes) -> str:
    return data.decode().removeprefix("\ufeff")


def _document(data: bytes) -> Document | None:
    """What is read, None when it is refused as it should be."""
    _PLACE.write_bytes(data)
    try:
        return document.read(_PLACE)
    except ConfigError as error:
        check_places(error, data)
        return None


def check_places(error: ConfigError, data: bytes) -> None:
    """Every problem stands where it says, and can be shown."""
    lines = _BREAK.split(data.decode(errors="replace").removeprefix("\ufeff"))
    assert error.problems
    for one in error.problems:
        assert isinstance(one, Problem)
        assert one.message
        assert 0 <= one.line <= len(lines), one
        assert one.line == 0 or 1 <= one.column <= len(lines[one.line - 1]) + 1, one
    for form in ("text", "json", "github"):
        shown = render(error.problems, form)  # type: ignore[arg-type]
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", shown)


@target("core", "unquoted words are what YAML 1.2 says they are", [b"0", b"1", b".", b"-", b"+", b"e", b"x", b"o",
    b"inf", b"nan", b"null", b"~", b"true", b"False", b"_", b":"])  # fmt: skip
def core(data: bytes) -> None:
    text = data.decode(errors="ignore").strip()
    assert _same(scalar(text), _core(text))


@target(
    "rules",
    "any rule file makes rules, or every problem has its place",
    [*_YAML, b"rules:\n", b"- id: r1\n", b"  title: x\n", b"  when: ", b"{all: [", b"{any: [", b"{not: ",
     b"subject: {contains: [x]}",
     b"  then: ", b"{delay: 5m}", b"{hold: {approvers: [", b"  explain: \"{matched} {\"\n", b"lists:\n",
     b"x: [a@b.example]", b"unless: ",
     b"recipient_count: {at_least: 3}", b"attachment: {name: [\"*.zip\"]}", b"sender: ", b"hours: ",
     b"action: hold\n", b"mode: audit\n",
     b"regex: [\"(a+)+$\"]", b"group:sales", b"list:x", b"manager_of_sender", b"severity: high\n",
     b"expires: 8h\n", b"on_expiry: send\n"],
)  # fmt: skip
def rule_files(data: bytes) -> None:
    _PLACE.write_bytes(data)
    try:
        made = loader.load([_PLACE], _EVERYBODY)
    except ConfigError as error:
        check_places(error, data)
        return
    assert made.hash


@target(
    "people",
    "any people.yaml is who is who, or every problem has its place",
    [*_YAML, b"people:\n", b"- address: ann@corp.example\n", b"  aliases: [", b"groups:\n", b"lists:\n",
     b"  all@corp.example: {members: [",
     b"no_contact:\n", b"  assistant: ", b"  manager: ", b"  service: true\n", b"  owner: ",
     b"until: 2027-01-31\n", b"\"*@client.example\"",
     b"list_patterns: [", b"no_assistant: {groups: [", b"except: [", b"bob@corp.example", b"approver: "],
)  # fmt: skip
def people_files(data: bytes) -> None:
    _PLACE.write_bytes(data)
    try:
        everybody = people.load(_PLACE, _HOME)
    except ConfigError as error:
        check_places(error, data)
        return
    assert everybody.internal("ann@corp.example")


@target(
    "users",
    "any users.yaml is who may log in, or every problem has its place",
    [*_YAML, b"users:\n", b"- name: ann\n", b"  password: ",
     b"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", b"  send_as: [",
     b"\"*@corp.example\"", b"ann@corp.example", b"  disabled: true\n", b"<>", b"$argon2id$", b",t=99999999999,p=0"],
)  # fmt: skip
def user_files(data: bytes) -> None:
    _PLACE.write_bytes(data)
    try:
        users.load_users(_PLACE)
    except ConfigError as error:
        check_places(error, data)


@target(
    "settings",
    "any mailguard.yaml is a configuration, or every problem has its place",
    [*_YAML, b"organization: {domains: [corp.example]}\n", b"smtp:\n", b"  listeners:\n", b"  - {bind: ",
     b"127.0.0.1:2525", b"tls: none",
     b"auth: none", b"store: sqlite:", b"delivery:\n", b"  smarthost: ", b"rules: [", b"notices: {sender: ",
     b"retention: ", b"web: ",
     b"timezone: Europe/Warsaw\n", b"5m", b"35MB", b"300/h", b"[::]:25", b"networks: [10.0.0.0/8]", b"admin: ",
     b"log: ", b"limits: "],
)  # fmt: skip
def settings(data: bytes) -> None:
    if b"/" in data.replace(b"/h", b"").replace(b"0/8", b"").replace(b"Europe/", b""):
        return  # a file of this machine may be named, as a device that never ends
    _PLACE.write_bytes(data)
    try:
        config.load(_PLACE, {})
    except ConfigError as error:
        check_places(error, data)
