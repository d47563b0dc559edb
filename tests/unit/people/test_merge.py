"""people.yaml over what a directory knows."""

from mailguard import people
from mailguard.document import yaml
from mailguard.people import Assistant, Directory, Found, Organization, People, Person

OURS = Organization(domains=("corp.example",))
FOUND = Found(
    Directory(
        persons=(
            Person("ann@corp.example", "Ann", ("a@corp.example",), title="Clerk", manager="ben@corp.example"),
            Person("ben@corp.example", "Ben", assistant=Assistant("pa@corp.example")),
        ),
        groups={"executives": ("ben@corp.example",), "legal": ("ann@corp.example",)},
        lists={"all@corp.example": ("ann@corp.example", "kim@client.example")},
    ),
    "ldaps://ldap.corp.example",
    {"ann@corp.example": "cn=Ann", "ben@corp.example": "cn=Ben", "all@corp.example": "cn=All"},
)


def over(text: str, found: Found = FOUND) -> People:
    return people.parse(yaml.parse("version: 1\n" + text, "people.yaml"), OURS, found)


def told(known: People) -> list[tuple[str, str, str]]:
    return [(problem.code, problem.path, problem.context) for problem in known.warnings]


def test_without_a_file_the_directory_is_all_there_is() -> None:
    known = people.load(None, OURS, FOUND)
    assert known.manager_of("a@corp.example") == "ben@corp.example"
    assert known.in_group("ben@corp.example", "executives")
    assert known.external("all@corp.example")
    assert known.warnings == ()


def test_the_file_wins_field_by_field() -> None:
    known = over("people: [{address: Ann@corp.example, title: Boss, aliases: [an@corp.example]}]")
    ann = known.person("a@corp.example")
    assert ann is not None
    assert (ann.address, ann.name, ann.title) == ("Ann@corp.example", "Ann", "Boss")
    assert ann.manager == "ben@corp.example"
    assert set(ann.aliases) == {"a@corp.example", "an@corp.example"}
    assert known.warnings == ()


def test_an_alias_in_the_directory_finds_the_person_of_the_file() -> None:
    known = over("people: [{address: a@corp.example, groups: [executives]}]")
    assert known.canonical("ann@corp.example") == "a@corp.example"
    assert known.groups["executives"] == {"a@corp.example", "ben@corp.example"}
    assert known.groups["legal"] == {"a@corp.example"}


def test_groups_unite_in_the_files_spelling() -> None:
    known = over(
        "groups: {Legal: [x@corp.example]}\npeople: [{address: y@corp.example, groups: [Executives]}]\n"
        "no_assistant: {groups: [Legal]}"
    )
    assert known.groups == {
        "Legal": {"x@corp.example", "ann@corp.example"},
        "Executives": {"y@corp.example", "ben@corp.example"},
    }
    assert known.no_assistant("ann@corp.example")


def test_an_address_that_two_people_of_the_file_have_stays_with_both_apart() -> None:
    known = over("people: [{address: ann@corp.example}, {address: a@corp.example}]")
    assert known.canonical("a@corp.example") == "a@corp.example"
    assert told(known) == [("MG302", FOUND.source, "cn=Ann")]


def test_a_list_of_the_file_wins_and_a_person_is_no_list() -> None:
    assert not over("lists: {all@corp.example: {members: [ann@corp.example]}}").external("all@corp.example")
    known = over("people: [{address: all@corp.example}]")
    assert told(known) == [("MG310", FOUND.source, "cn=All")]
    assert not known.external("all@corp.example")


def test_an_assistant_or_manager_that_cannot_be_meant_is_left_out_and_told() -> None:
    persons = (
        Person("ann@corp.example", assistant=Assistant("x@else.example"), manager="all@corp.example"),
        Person("ben@corp.example", ("Ben"), ("b@corp.example",), assistant=Assistant("b@corp.example")),
        Person("cy@corp.example", assistant=Assistant("printer@corp.example"), manager="ann@corp.example"),
    )
    found = Found(
        Directory(persons, lists=FOUND.directory.lists), FOUND.source, {**FOUND.places, "cy@corp.example": "cn=Cy"}
    )
    known = over("people: [{address: printer@corp.example, service: true, owner: ann@corp.example}]", found)
    assert sorted(told(known)) == [
        ("MG303", FOUND.source, "cn=Ann"),
        ("MG303", FOUND.source, "cn=Ann"),
        ("MG305", FOUND.source, "cn=Cy"),
        ("MG308", FOUND.source, "cn=Ben"),
    ]
    assert [known.assistant_of(f"{name}@corp.example") for name in ("ann", "ben", "cy")] == [None] * 3
    assert known.manager_of("cy@corp.example") == "ann@corp.example"
    assert known.manager_of("ann@corp.example") is None


def test_what_the_file_says_of_an_assistant_is_an_error_as_ever() -> None:
    known = over("people: [{address: ben@corp.example, assistant: {address: pa@corp.example, sees: notice}}]")
    assert known.assistant_of("ben@corp.example") == Assistant("pa@corp.example", "notice")
