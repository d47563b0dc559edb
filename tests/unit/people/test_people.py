"""Who is who, as rules, notices and the desk ask it."""

import pytest

from mailguard.people import Assistant, Directory, Organization, Pattern, People, Person, empty

OURS = Organization(name="Corp", domains=("corp.example", "*.corp.example", "żółw.example"))
PEOPLE = People(
    OURS,
    Directory(
        persons=(
            Person(
                "CEO@corp.example",
                name="Cleo",
                aliases=("cleo@corp.example",),
                groups=("executives",),
                assistant=Assistant("pa@corp.example", "notice"),
                manager="chair@corp.example",
            ),
            Person("printer@corp.example", service=True, owner="it@corp.example"),
            Person("lost@corp.example", service=True),
            Person("all-ison@corp.example", groups=("executives",)),
            Person("guest@other.example", name="Guest"),
        ),
        groups={"legal": ("Lex@corp.example",), "executives": ("cleo@corp.example", "cfo@corp.example")},
        lists={
            "all-staff@corp.example": ("ann@corp.example", "team@corp.example"),
            "team@corp.example": ("ben@corp.example", "Ceo@Corp.Example"),
            "mixed@corp.example": ("ann@corp.example", "far@corp.example"),
            "far@corp.example": ("x@client.example",),
            "loop-a@corp.example": ("loop-b@corp.example", "ann@corp.example"),
            "loop-b@corp.example": ("loop-a@corp.example",),
            "hidden@corp.example": ("all-others@corp.example",),
        },
        list_patterns=("all-*@corp.example",),
        no_assistant_groups=("legal",),
    ),
)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann@corp.example",
        "Ann@CORP.Example",
        "ann@eu.corp.example",
        "ann@xn--w-uga1v8h.example",
        "ann@ŻÓŁW.example",
        "all-staff@corp.example",
        "loop-a@corp.example",
        "all-ison@corp.example",
    ],
)
def test_ours_are_internal(address: str) -> None:
    assert PEOPLE.internal(address)
    assert not PEOPLE.external(address)


@pytest.mark.parametrize(
    "address",
    [
        "ann@notcorp.example",
        "ann@corp.example.evil.example",
        "ann@example",
        "ann@sub.żółw.example",
        "guest@other.example",
        "mixed@corp.example",  # somebody outside is in a list of the list
        "all-unknown@corp.example",  # nobody can expand it
        "hidden@corp.example",  # its member is a list that nobody can expand
        "no-domain",
    ],
)
def test_all_others_are_external(address: str) -> None:
    assert PEOPLE.external(address)
    assert not PEOPLE.internal(address)


def test_sub_domains_count_only_when_listed() -> None:
    assert empty(Organization(domains=("corp.example",))).external("ann@eu.corp.example")
    assert empty(Organization(domains=("*.corp.example",))).external("ann@corp.example")


def test_an_alias_is_its_person() -> None:
    assert PEOPLE.canonical("Cleo@Corp.example") == "ceo@corp.example"
    assert PEOPLE.canonical("Ann@Corp.example") == "ann@corp.example"
    person = PEOPLE.person("cleo@corp.example")
    assert person is not None
    assert person.address == "CEO@corp.example"
    assert PEOPLE.person("ann@corp.example") is None


@pytest.mark.parametrize(
    ("address", "group", "inside"),
    [
        ("cleo@corp.example", "executives", True),
        ("CFO@corp.example", "executives", True),
        ("lex@corp.example", "legal", True),
        ("lex@corp.example", "executives", False),
        ("ann@corp.example", "nobody", False),
        ("team@corp.example", "executives", False),  # a list is asked for its members
    ],
)
def test_groups_join_what_people_and_groups_say(address: str, group: str, inside: bool) -> None:
    assert PEOPLE.in_group(address, group) is inside


def test_lists_are_expanded_through_lists_and_loops() -> None:
    assert PEOPLE.expand("ALL-staff@corp.example") == {"ann@corp.example", "ben@corp.example", "ceo@corp.example"}
    assert PEOPLE.expand("loop-a@corp.example") == {"ann@corp.example"}
    assert PEOPLE.expand("Ann@corp.example") == {"ann@corp.example"}


def test_assistant_and_manager_belong_to_the_person_whatever_the_alias() -> None:
    assert PEOPLE.assistant_of("cleo@corp.example") == Assistant("pa@corp.example", "notice")
    assert PEOPLE.manager_of("cleo@corp.example") == "chair@corp.example"
    assert PEOPLE.assistant_of("ann@corp.example") is None
    assert PEOPLE.manager_of("ann@corp.example") is None


def test_mail_from_shut_groups_never_reaches_an_assistant() -> None:
    assert PEOPLE.no_assistant("LEX@corp.example")
    assert not PEOPLE.no_assistant("ann@corp.example")


@pytest.mark.parametrize(
    ("sender", "answering"),
    [
        ("ann@corp.example", "ann@corp.example"),
        ("cleo@corp.example", "CEO@corp.example"),
        ("printer@corp.example", "it@corp.example"),
        ("lost@corp.example", "post@corp.example"),
        ("", "post@corp.example"),
        ("x@client.example", "post@corp.example"),
        ("guest@other.example", "post@corp.example"),  # never told by mail that leaves
        ("team@corp.example", "post@corp.example"),  # a list is nobody
    ],
)
def test_who_is_told_about_a_senders_mail(sender: str, answering: str) -> None:
    assert PEOPLE.answers_for(sender, "post@corp.example") == answering


def test_services_are_known() -> None:
    assert PEOPLE.service("Printer@corp.example")
    assert not PEOPLE.service("ann@corp.example")


@pytest.mark.parametrize(
    ("pattern", "address", "fits"),
    [
        ("*@client.example", "x@Client.Example", True),
        ("*@client.example", "x@notclient.example", False),
        ("*@client.example", "x@eu.client.example", False),
        ("*@*.client.example", "x@eu.client.example", True),
        ("*@*.client.example", "x@client.example", False),
        ("all-*@corp.example", "ALL-staff@corp.example", True),
        ("all-*@corp.example", "ball-x@corp.example", False),
        ("a.b@corp.example", "axb@corp.example", False),
        ("ann@corp.example", "Ann@corp.example", True),
        ("*@corp.example", "", False),
    ],
)
def test_patterns_stop_at_the_boundaries(pattern: str, address: str, fits: bool) -> None:
    assert Pattern(pattern).matches(address) is fits


@pytest.mark.parametrize(
    "routed",
    ["kim%client.example@corp.example", "client.example!kim@corp.example", '"kim@client.example"@corp.example'],
)
def test_what_a_next_hop_may_route_on_to_others_is_outside(routed: str) -> None:
    assert empty(Organization(name="Corp", domains=("corp.example",))).external(routed)
