"""Entries as people, groups and lists: Active Directory's ways, and what is wrong in them."""

from typing import Any

import pytest

from mailguard.directory import groups as unfolding
from mailguard.directory.entry import Answer, Entry
from mailguard.directory.mapping import found
from mailguard.directory.settings import LdapSettings
from mailguard.directory.words import NoAnswer
from mailguard.people import Found

SETTINGS = LdapSettings.model_validate(
    {"url": "ldaps://dc.corp.example", "base": "DC=corp", "attributes": {"assistant": "assistant"}}
)


def entry(dn: str, **values: str | tuple[str, ...]) -> Entry:
    several = {name: (value,) if isinstance(value, str) else value for name, value in values.items()}
    return Entry(dn, {name.lower(): value for name, value in several.items()})


def read(*people: Entry, **more: Any) -> Found:
    return found(Answer(people, **more), SETTINGS)


ANN = entry("CN=Ann,DC=corp", cn="Ann", mail="ann@corp.example", memberOf=("CN=Sales,DC=corp", "CN=Unread,DC=corp"))
BEN = entry("CN=Ben,DC=corp", cn="Ben", mail="ben@corp.example", assistant="CN=Ann,DC=corp")
SALES = entry("CN=Sales,DC=corp", cn="Sales Team")


def codes(known: Found) -> list[tuple[str, str]]:
    return [(problem.code, problem.context) for problem in known.warnings]


def test_proxy_addresses_are_aliases_and_other_kinds_are_not() -> None:
    proxies = ("SMTP:ann@corp.example", "smtp:Ann.Doe@corp.example", "X400:c=US;a= ", "sip:ann@corp.example",
               "x500:/o=Corp/cn=ann", "a.doe@corp.example", "EUM:5551@corp.example;phone-context=x")  # fmt: skip
    (ann,) = read(entry("CN=Ann,DC=corp", mail="ann@corp.example", proxyAddresses=proxies)).directory.persons
    assert ann.aliases == ("Ann.Doe@corp.example", "a.doe@corp.example")


def test_a_group_has_its_name_in_lower_case_and_members_from_both_sides() -> None:
    sales = entry("CN=Sales,DC=corp", cn="Sales Team", member="CN=Ben,DC=corp")
    assert read(ANN, BEN, groups=(sales,)).directory.groups == {"sales team": ("ann@corp.example", "ben@corp.example")}


def test_active_directory_says_itself_who_is_in_groups_within() -> None:
    boss = entry("CN=Bosses,DC=corp", cn="Bosses", member="CN=Hidden,DC=corp")
    known = read(ANN, BEN, groups=(boss,), inside={"CN=Bosses,DC=corp": ("CN=ben,DC=corp",)})
    assert known.directory.groups == {"bosses": ("ben@corp.example",)}


def test_two_accounts_with_one_mailbox_are_one_person_with_both_their_groups() -> None:
    admin = entry("CN=Ann (admin),DC=corp", cn="Ann", mail="Ann@corp.example")
    admins = entry("CN=Admins,DC=corp", cn="admins", member="CN=Ann (admin),DC=corp")
    known = read(ANN, admin, groups=(admins, SALES))
    assert [person.address for person in known.directory.persons] == ["Ann@corp.example"]
    assert known.directory.groups == {"admins": ("Ann@corp.example",), "sales team": ("ann@corp.example",)}
    assert codes(known) == [("MG302", "CN=Ann,DC=corp")]


def test_an_alias_that_two_claim_is_whose_main_address_it_is() -> None:
    taker = entry("CN=Al,DC=corp", mail="al@corp.example", proxyAddresses=("smtp:ann@corp.example",))
    known = read(taker, ANN)
    assert [(person.address, person.aliases) for person in known.directory.persons] == [
        ("al@corp.example", ()),
        ("ann@corp.example", ()),
    ]
    assert codes(known) == [("MG302", "CN=Al,DC=corp")]


@pytest.mark.parametrize(
    ("people", "code"),
    [
        ((entry("CN=X,DC=corp", mail="x"), ANN), "MG501"),
        ((entry("CN=X,DC=corp", mail="x@corp.example\r\nBcc: y@z"), ANN), "MG501"),
        ((entry("CN=X,DC=corp", mail="x@corp.example", manager="CN=Gone,DC=corp"),), "MG502"),
        ((entry("CN=X,DC=corp", mail="x@corp.example", assistant="Miss Moneypenny"),), "MG501"),
    ],
)
def test_what_is_wrong_is_told_with_its_entry(people: tuple[Entry, ...], code: str) -> None:
    known = read(*people)
    assert codes(known) == [(code, "CN=X,DC=corp")]
    assert all(problem.severity == "warning" and problem.help for problem in known.warnings)


def test_two_groups_of_one_name_are_united_and_told() -> None:
    one = entry("CN=Board,OU=a", cn="Board", member="CN=Ann,DC=corp")
    other = entry("CN=Board,OU=b", cn="board", member="CN=Ben,DC=corp")
    known = read(ANN, BEN, groups=(one, other))
    assert known.directory.groups == {"board": ("ann@corp.example", "ben@corp.example")}
    assert codes(known) == [("MG503", "CN=Board,OU=b")]


def test_a_list_that_nobody_may_read_into_is_none() -> None:
    assert read(ANN, groups=(entry("CN=All,DC=corp", cn="all", mail="all@corp.example"),)).directory.lists == {}


def test_names_are_one_line() -> None:
    (person,) = read(
        entry("CN=X", mail="x@corp.example", displayName="A\r\nB\x1b[31m", title="y" * 999)
    ).directory.persons
    assert person.name == "A B [31m"
    assert len(person.title) == 200


def test_nobody_at_all_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="knows nobody"):
        read()


def test_groups_that_unfold_into_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfolding, "MEMBERS", 3)
    sales = entry("CN=S", cn="s", member=("CN=Ann,DC=corp", "CN=Ben,DC=corp", "CN=c", "CN=d"))
    with pytest.raises(NoAnswer, match="more than 3 members"):
        read(ANN, BEN, groups=(sales,))


def test_members_that_nobody_looked_up_are_told() -> None:
    assert codes(read(ANN, unasked=7)) == [("MG504", "DC=corp")]
