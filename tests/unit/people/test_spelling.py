"""One mailbox in several spellings, as its domain takes them."""

import pytest

from mailguard.document import yaml
from mailguard.errors import ConfigError
from mailguard.people import Directory, NoContact, Organization, People, Person, parse
from mailguard.people.orders import forbids

OURS = Organization.model_validate(
    {
        "domains": ["corp.example"],
        "addresses": {
            "corp.example": {"dots": "ignore", "plus": "ignore"},
            "corp-old.example": {"same_as": "corp.example"},
            "*.żółw.example": {"plus": "ignore"},
            "gmail.com": {"dots": "matter"},
        },
    }
)
PEOPLE = People(
    OURS,
    Directory(
        persons=(Person("ann.lee@corp.example", aliases=("al@corp.example",), groups=("legal",)),),
        lists={"all@corp.example": ("ann.lee@corp.example", "kim@client.example")},
        no_contact=(NoContact("sam+x@outlook.com"),),
    ),
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Bob.Ray@corp.example", "bobray+shop@CORP.example", True),
        ("bob@corp-old.example", "bob@corp.example", True),
        ("annlee@corp.example", "AL@corp.example", True),
        ("kim@a.żółw.example", "kim+x@A.xn--w-uga1v8h.example", True),
        ("kim@żółw.example", "kim+x@żółw.example", False),  # *.: its sub-domains only
        ("k.im@client.example", "kim@client.example", False),
        ("kim+x@client.example", "kim@client.example", False),
        ("k.im@gmail.com", "kim@gmail.com", False),  # the organization says so
        ("k.im@googlemail.com", "kim+x@googlemail.com", True),
        ("kim+x@outlook.com", "kim@outlook.com", True),
        ("k.im@outlook.com", "kim@outlook.com", False),
        ("+x@corp.example", "+y@corp.example", False),  # nothing would be left of it
        ('"b.ob@x"@corp.example', '"bob@x"@corp.example', False),
    ],
)
def test_which_spellings_are_one_mailbox(one: str, other: str, same: bool) -> None:
    assert (PEOPLE.mailbox(one) == PEOPLE.mailbox(other)) is same


def test_a_person_and_a_list_are_known_in_every_spelling() -> None:
    assert PEOPLE.canonical("a.nnlee+x@corp.example") == "ann.lee@corp.example"
    assert PEOPLE.in_group("annlee@corp.example", "legal")
    assert PEOPLE.external("a.ll@corp.example")
    assert "kim@client.example" in PEOPLE.expand("all+x@corp.example")


def test_nobody_gets_what_is_for_another_spelling() -> None:
    assert PEOPLE.answers_for("annlee@corp.example", "post@corp.example") == "annlee@corp.example"
    assert PEOPLE.answers_for("AL@corp.example", "post@corp.example") == "ann.lee@corp.example"
    assert PEOPLE.main("annlee@corp.example") == "annlee@corp.example"


def test_a_stranger_keeps_the_address_they_have() -> None:
    assert PEOPLE.canonical("Bob.Ray+x@corp.example") == "bob.ray+x@corp.example"


def test_an_order_binds_every_spelling() -> None:
    (order,) = PEOPLE.no_contact
    assert forbids(order, PEOPLE, "ann.lee@corp.example", "sam@outlook.com")
    assert not forbids(order, PEOPLE, "ann.lee@corp.example", "sa.m@outlook.com")


def test_two_people_in_one_mailbox_are_a_mistake_and_an_alias_of_ones_own_is_none() -> None:
    own = "people: [{address: ann.lee@corp.example, aliases: [annlee@corp.example]}]"
    assert parse(yaml.parse(own, "people.yaml"), OURS).warnings == ()
    two = "people: [{address: ann.lee@corp.example}, {address: annlee@corp.example}]"
    with pytest.raises(ConfigError) as raised:
        parse(yaml.parse(two, "people.yaml"), OURS)
    assert "annlee@corp.example already belongs to ann.lee@corp.example" in str(raised.value.problems)
