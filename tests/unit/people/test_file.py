"""people.yaml: read whole, and every mistake told at its place."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from mailguard import people
from mailguard.document import yaml
from mailguard.document.model import findings_of
from mailguard.document.problem import Problem
from mailguard.errors import ConfigError
from mailguard.people import Organization, People

ROOT = Path(__file__).parents[3]
OURS = Organization(domains=("corp.example",))

SURFACE = """\
version: 1
people:
  - {address: ceo@corp.example, name: Cleo Chief, aliases: [cleo@corp.example], groups: [executives], \
assistant: assistant@corp.example, manager: chair@corp.example}
  - {address: cfo@corp.example, groups: [executives], assistant: {address: pa@corp.example, sees: notice}}
  - {address: printer@corp.example, service: true, owner: it@corp.example}
groups: {legal: [lex@corp.example]}
no_assistant: {groups: [legal], sensitivity: [private, personal, company-confidential]}
list_patterns: ["all-*@corp.example"]
lists:  {everyone@corp.example: {members: [ann@corp.example, partner@client.example]}}
no_contact: [{address: "*@client.example", until: 2027-01-31, reason: "legal hold", except: [ceo@corp.example], \
approver: lex@corp.example}]
"""


def read(text: str, organization: Organization = OURS) -> People:
    return people.parse(yaml.parse("version: 1\n" + text, "people.yaml"), organization)


def wrong(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [problem for problem in caught.value.problems if isinstance(problem, Problem)]


def test_the_documented_file_is_read_whole() -> None:
    known = people.parse(yaml.parse(SURFACE, "people.yaml"), OURS)
    assert known.warnings == ()
    assert known.groups == {
        "executives": {"ceo@corp.example", "cfo@corp.example"},
        "legal": {"lex@corp.example"},
    }
    assistant = known.assistant_of("cfo@corp.example")
    assert assistant is not None
    assert (assistant.address, assistant.sees) == ("pa@corp.example", "notice")
    assert known.no_assistant_sensitivity == ("private", "personal", "company-confidential")
    assert known.external("everyone@corp.example")
    assert known.external("all-hands@corp.example")
    (order,) = known.no_contact
    assert (order.pattern, order.until, order.reason) == ("*@client.example", date(2027, 1, 31), "legal hold")
    assert (order.exempt, order.approver) == (("ceo@corp.example",), "lex@corp.example")


def test_the_shipped_example_has_no_findings() -> None:
    assert people.load(ROOT / "deploy/people.yaml", OURS).warnings == ()


def test_without_a_file_only_the_organization_is_known() -> None:
    assert people.load(None, OURS).internal("ann@corp.example")
    assert people.load(None, OURS).groups == {}


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        people.load(tmp_path / "people.yaml", OURS)


SERVICE_OF_SERVICE = (
    "people: [{address: b@corp.example, service: true, owner: c@corp.example}, "
    "{address: p@corp.example, service: true, owner: b@corp.example}]"
)

# (text, code, severity, marked text, message)
ONE = [
    ("people: [{address: ceo}]", "MG301", "error", "ceo", '"ceo" is not an address'),
    ("people: [{address: '*@corp.example'}]", "MG301", "error", "'*@corp.example'", "is a pattern"),
    ("people: [{address: a@corp.example, assistant: pa}]", "MG301", "error", "pa", '"pa" is not an address'),
    ("people: [{address: a@corp.example, assistant: {address: b@corp.example, sees: notices}}]",
     "MG104", "error", "notices", '"notices" is not one of copy, notice'),
    ("people: [{address: a@corp.example, manger: b@corp.example}]", "MG103", "error", "manger", "unknown key"),
    ("people: [{address: a@corp.example, assistant: x@else.example}]",
     "MG303", "error", "x@else.example", "the assistant x@else.example is outside the organization"),
    ("people: [{address: a@corp.example, assistant: {address: x@else.example, sees: notice}}]",
     "MG303", "error", "x@else.example", "is outside the organization"),
    ("people: [{address: a@corp.example, delegate: {to: x@else.example}}]", "MG303", "error", "x@else.example",
     "the delegate x@else.example is outside the organization"),
    ("people: [{address: a@corp.example, delegate: {to: a@corp.example}}]", "MG308", "error", "a@corp.example", "own"),
    ("people: [{address: a@corp.example, delegate: {to: b@corp.example, from: 2027-01-02, until: 2027-01-01}}]",
     "MG106", "error", "delegate", "is before from"),
    ("people: [{address: a@corp.example, manager: x@else.example}]", "MG303", "error", "x@else.example", "manager"),
    ("people: [{address: a@corp.example, service: true, owner: x@else.example}]",
     "MG303", "error", "x@else.example", "the owner x@else.example"),
    ("people: [{address: a@corp.example, assistant: all-pa@corp.example}]\nlist_patterns: ['all-*@corp.example']",
     "MG303", "error", "all-pa@corp.example", "outside"),
    ("people: [{address: a@corp.example, shared: true, members: [x@else.example]}]",
     "MG303", "error", "x@else.example", "the member x@else.example is outside the organization"),
    ("people: [{address: a@corp.example, members: [b@corp.example]}]",
     "MG309", "warning", "members", "has members but is no shared mailbox"),
    ("people: [{address: a@corp.example, shared: true, service: true, owner: b@corp.example}]",
     "MG309", "warning", "shared", "shared by people and a service"),
    ("people: [{address: a@corp.example, service: true}]", "MG305", "error", "service", "has no owner"),
    (SERVICE_OF_SERVICE,
     "MG305", "error", "b@corp.example", "the owner b@corp.example is a service"),
    ("people: [{address: a@corp.example, owner: b@corp.example}]", "MG309", "warning", "owner", "is no service"),
    ("people: [{address: a@corp.example, aliases: [c@corp.example], assistant: c@corp.example}]",
     "MG308", "error", "c@corp.example", "their own assistant"),
    ("people: [{address: a@else.example}]", "MG304", "warning", "a@else.example", "counts as external"),
    ("no_assistant: {groups: [legl]}\ngroups: {legal: [l@corp.example]}", "MG306", "error", "legl", 'unknown group'),
    ("lists: {l@corp.example: {members: []}}", "MG309", "warning", "l@corp.example", "has no members"),
    ("lists: {l@else.example: {members: [a@corp.example]}}", "MG304", "warning", "l@else.example", "outside"),
    ("lists: {l@corp.example: {members: [l@corp.example]}}",
     "MG307", "warning", "l@corp.example", "l@corp.example → l@corp.example"),
    ("lists: {l: {members: []}}", "MG301", "error", "l", '"l" is not an address'),
    ("list_patterns: ['all-*@else.example']", "MG309", "warning", "'all-*@else.example'", "external anyway"),
    ("list_patterns: ['all-*']", "MG301", "error", "'all-*'", "not an address or pattern"),
    ("no_contact: [{address: client.example}]", "MG301", "error", "client.example", "not an address or pattern"),
    ("no_contact: [{address: '*@client.example', until: 2027-02-30}]", "MG106", "error", "2027-02-30", "not a day"),
    ("no_contact: [{address: '*@client.example', until: 20270131}]", "MG106", "error", "20270131", "must be text"),
    ("no_contact: [{address: '*@c.ex', approver: x@else.example}]", "MG303", "error", "x@else.example", "approver"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "severity", "marked", "message"), ONE)
def test_each_mistake_is_told_at_its_place(text: str, code: str, severity: str, marked: str, message: str) -> None:
    found = list(read(text).warnings) if severity == "warning" else wrong(text)
    (problem,) = found
    assert (problem.code, problem.severity) == (code, severity)
    assert problem.source[problem.column - 1 :][: problem.length] == marked
    assert message in problem.message
    assert problem.help


def test_an_address_belongs_to_one_person_only() -> None:
    (problem,) = wrong(
        "people:\n"
        "  - {address: ceo@corp.example, aliases: [cleo@corp.example]}\n"
        "  - {address: cfo@corp.example, aliases: [Cleo@Corp.example]}\n"
    )
    assert problem.code == "MG302"
    assert problem.message == "Cleo@Corp.example already belongs to ceo@corp.example (line 3)"
    assert problem.line == 4


def test_an_address_is_a_person_or_a_list() -> None:
    (problem,) = wrong("people: [{address: a@corp.example}]\nlists: {A@corp.example: {members: [b@corp.example]}}\n")
    assert (problem.code, problem.line) == ("MG310", 3)


def test_a_longer_loop_of_lists_is_told_once_with_its_way() -> None:
    known = read(
        "lists:\n"
        "  a@corp.example: {members: [b@corp.example, x@corp.example]}\n"
        "  b@corp.example: {members: [y@corp.example, c@corp.example]}\n"
        "  c@corp.example: {members: [A@corp.example]}\n"
        "  d@corp.example: {members: [a@corp.example]}\n"
    )
    (problem,) = known.warnings
    assert problem.message == (
        "a list contains itself: a@corp.example → b@corp.example → c@corp.example → a@corp.example"
    )
    assert known.expand("d@corp.example") == {"x@corp.example", "y@corp.example"}


def test_errors_and_warnings_of_a_file_come_together() -> None:
    found = wrong("people: [{address: a@else.example, service: true}]")
    assert [problem.code for problem in found] == ["MG304", "MG305"]


@pytest.mark.parametrize(
    ("domains", "zone", "words"),
    [
        (["corp"], "Europe/Warsw", "is not a time zone"),
        (["corp"], "../etc/passwd", "is not a time zone"),
        (["@corp.example"], "UTC", '"@corp.example" is not a domain'),
        (["ann@corp.example"], "UTC", "is not a domain"),
        (["*"], "UTC", '"*" is not a domain'),
        (["*corp.example"], "UTC", "is not a domain"),
        (["[1.2.3.4]"], "UTC", "is not a domain"),
        ([], "UTC", "domains needs at least 1 entry"),
    ],
)
def test_an_organization_needs_domains_and_a_real_zone(domains: list[str], zone: str, words: str) -> None:
    data = {"domains": domains, "zone": zone}
    with pytest.raises(ValidationError) as caught:
        Organization.model_validate(data)
    assert words in findings_of(caught.value, data, Organization)[0].message


def test_a_zone_nearly_right_is_suggested() -> None:
    data = {"domains": ["corp.example"], "zone": "Europe/Warsw"}
    with pytest.raises(ValidationError) as caught:
        Organization.model_validate(data)
    assert findings_of(caught.value, data, Organization)[0].help == 'did you mean "Europe/Warsaw"?'


def test_editors_get_a_schema_with_words_in_it() -> None:
    schema = people.json_schema()
    entry = schema["$defs"]["PersonEntry"]["properties"]
    assert set(schema["properties"]) >= {"people", "groups", "lists", "no_assistant", "no_contact"}
    assert entry["manager"]["description"] == "Who `manager_of_sender` means."
    assert "except" in schema["$defs"]["NoContactEntry"]["properties"]
