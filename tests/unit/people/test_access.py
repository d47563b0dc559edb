"""Who may do what beyond their own mail."""

import pytest

from mailguard.people import Directory, Organization, People, Person
from mailguard.people.access import Access, Right

PEOPLE = People(
    Organization(domains=("corp.example",)),
    Directory(
        persons=(
            Person("it@corp.example", aliases=("root@corp.example",)),
            Person("hank@corp.example", groups=("support",)),
            Person("robot@corp.example", service=True),
        ),
        lists={"all@corp.example": ("it@corp.example",)},
    ),
)
ACCESS = Access.model_validate(
    {
        "admin": ["root@corp.example", "robot@corp.example", "max@client.example"],
        "helpdesk": [{"group": "support"}],
        "content": ["hank@corp.example", "ann@corp.example"],
        "auditor": [{"group": "nobody"}],
    }
)


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("it@corp.example", {Right.SEE, Right.STOP, Right.ACT, Right.RULES, Right.AUDIT}),
        ("IT@corp.example", {Right.SEE, Right.STOP, Right.ACT, Right.RULES, Right.AUDIT}),
        ("hank@corp.example", {Right.SEE, Right.STOP, Right.CONTENT}),
        ("ann@corp.example", set()),  # content alone shows nothing
        ("robot@corp.example", set()),
        ("max@client.example", set()),
        ("all@corp.example", set()),
        ("", set()),
    ],
)
def test_a_role_gives_its_rights_to_our_people_alone(address: str, may: set[Right]) -> None:
    assert ACCESS.rights(address, PEOPLE) == may


CLAIMED = Access.model_validate(
    {
        "helpdesk": [{"claim": "desk"}],
        "admin": [{"claim": "bosses"}, "it@corp.example"],
        "content": ["hank@corp.example"],
        "second_factor": ["admin", "content"],
    }
)


@pytest.mark.parametrize(
    ("address", "claims", "may"),
    [
        ("ann@corp.example", {"desk"}, {Right.SEE, Right.STOP}),
        ("ann@corp.example", {"other"}, set()),
        ("hank@corp.example", {"desk"}, {Right.SEE, Right.STOP, Right.CONTENT}),
        ("robot@corp.example", {"desk"}, set()),
        ("max@client.example", {"desk"}, set()),
    ],
)
def test_what_a_provider_says_of_our_people_gives_a_role(address: str, claims: set[str], may: set[Right]) -> None:
    assert CLAIMED.rights(address, PEOPLE, frozenset(claims)) == may
    assert CLAIMED.claims() == {"desk", "bosses"}


@pytest.mark.parametrize(
    ("address", "claims", "wanted"),
    [
        ("it@corp.example", set(), True),
        ("ann@corp.example", {"bosses"}, True),
        ("ann@corp.example", {"desk"}, False),
        ("hank@corp.example", {"desk"}, True),  # may read, too
        ("hank@corp.example", set(), False),
        ("max@client.example", {"bosses"}, False),
    ],
)
def test_a_second_factor_is_asked_of_who_has_a_role_that_wants_it(
    address: str, claims: set[str], *, wanted: bool
) -> None:
    assert CLAIMED.wants_second(address, PEOPLE, frozenset(claims)) is wanted


def test_nobody_has_a_role_by_default() -> None:
    assert Access().rights("it@corp.example", PEOPLE) == frozenset()


def test_a_group_that_nobody_is_in_is_named_with_its_place() -> None:
    assert list(ACCESS.unknown_groups(PEOPLE)) == [(("auditor", 0, "group"), "nobody")]
