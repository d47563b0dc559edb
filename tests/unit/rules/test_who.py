"""The words of WHO that know more than the address: look-alikes, namesakes, dead domains, orders, spellings."""

from typing import Any

import pytest

from mailguard.document import yaml
from mailguard.mail.envelope import Identity, Proof
from mailguard.people import Organization, People
from mailguard.people import parse as parse_people
from mailguard.records import Known, Need, Reach
from mailguard.rules.facts import Facts
from tests.unit.rules.judge import NOON, PEOPLE, ask, facts, judge, rule, rules

CLIENT = {"history": [{"to": ["kim@client.example", "kim.client@client.example"], "days_ago": 30, "times": 14}]}
LOOKALIKE = "{recipients: {any: lookalike}}"


def why(word: str, **mail: Any) -> str:
    """The reason for this word of WHO, '' when it is not true."""
    people = mail.get("people", PEOPLE)
    match = ask(f"{{recipients: {{any: {word}}}}}", facts(**mail), people)
    return match.reason if match else ""


def organization(**more: Any) -> Organization:
    return Organization(name="Corp", domains=("corp.example", "corp-two.example"), **more)


def people(text: str, **more: Any) -> People:
    return parse_people(yaml.parse(text, "people.yaml"), organization(**more))


# --- lookalike ------------------------------------------------------------------------------------------------


def test_a_domain_that_looks_like_one_often_written_to_is_named_with_how_often() -> None:
    said = why("lookalike", to="kim@c1ient.example", given=CLIENT)
    assert said == "kim@c1ient.example: the domain looks like client.example, which you wrote to 28 times"


def test_a_domain_nobody_wrote_to_often_is_no_model() -> None:
    twice = {"history": [{"to": ["kim@partner.example"], "times": 2}]}
    assert why("lookalike", to="kim@partmer.example", given=twice) == ""


def test_what_colleagues_write_to_is_a_model_too() -> None:
    given = {"history": [{"from": "bob@corp.example", "to": ["kim@client.example"], "times": 9}]}
    said = why("lookalike", to="kim@c1ient.example", given=given)
    assert said == "kim@c1ient.example: the domain looks like client.example, which was written to 9 times from here"


@pytest.mark.parametrize("writer", ["ann@corp.example", "bob@corp.example"])
def test_a_sister_that_is_written_to_as_well_is_no_slip(writer: str) -> None:
    sister = {"from": writer, "to": ["kim@clienti.example"], "times": 3}
    assert why("lookalike", to="kim@clienti.example", given={"history": [*CLIENT["history"], sister]}) == ""


def test_another_alphabets_letter_is_shown() -> None:
    said = why("lookalike", to="kim@сlient.example", given=CLIENT)
    assert "spelt with the letter с, looks like client.example" in said


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("a@gmial.com", "looks like gmail.com"),
        ("a@rnicrosoft.com", "looks like microsoft.com"),
        ("a@yahoo.con", "looks like yahoo.com"),
        ("a@corp-tow.example", "looks like our own corp-two.example"),
        ("a@mail.corp-two.example", ""),
        ("bob@corp-two.example", ""),
        ("a@gmail.com", ""),
        ("a@mail.com", ""),
        ("a@ymail.com", ""),
        ("a@email.com", ""),
        ("a@yahoo.fr", ""),
        ("a@wp.pl", ""),
        ("a@op.pl", ""),
        ("a@[192.0.2.1]", ""),
    ],
)
def test_our_own_and_big_providers_are_models_from_the_first_day(to: str, said: str) -> None:
    found = why("lookalike", to=to, people=People(organization()))
    assert found.endswith(said) if said else not found


def test_a_domain_of_people_yaml_is_a_model_and_never_a_slip() -> None:
    known = people("lists: {team@corp.example: {members: [x@partner.example, y@partnerr.example]}}")
    assert why("lookalike", to="a@partnerr.example", people=known) == ""
    assert why("lookalike", to="a@patrner.example", people=known).endswith("looks like partner.example")


def test_a_domain_on_a_list_of_the_rules_is_a_model_and_never_a_slip() -> None:
    text = rule(LOOKALIKE) + "lists: {ours: ['*@partner.example', 'a@gmial.com', poufne]}\n"
    (one,) = rules(text).rules
    assert getattr(one.when.ask(facts(to="a@patrner.example")), "reason", "").endswith("looks like partner.example")
    assert not hasattr(one.when.ask(facts(to="a@gmial.com")), "reason")


def test_a_list_is_as_strange_as_its_members() -> None:
    known = people("lists: {team@corp.example: {members: [x@mail.example]}}")
    given = {"history": [{"to": ["kim@client.example"], "times": 14}]}
    assert why("lookalike", to="team@corp.example", people=known, given=given) == ""


# --- namesake -------------------------------------------------------------------------------------------------

USUAL = {"history": [{"to": ["anna.kowalska@client.example"], "days_ago": 30, "times": 14}]}


@pytest.mark.parametrize(
    "to", ["anna.kowalska@gmail.com", "kowalska_anna@wp.pl", "Anna Kowalska <ania77@rival.example>"]
)
def test_the_name_of_somebody_usually_written_to_elsewhere(to: str) -> None:
    said = why("namesake", to=to, given=USUAL)
    assert "you wrote to anna.kowalska@client.example 14 times, and never to this address" in said


@pytest.mark.parametrize(
    ("to", "more"),
    [
        ("anna.kowalska@client.example", {}),
        ("anna.kowalska@client.pl", {}),  # the same firm in another country
        ("anna.nowak@gmail.com", {}),
        ("anna@gmail.com", {}),  # there are many
        ("Anna <anna@gmail.com>", {}),
        ("anna.kowalska@gmail.com", {"cc": "anna.kowalska@client.example"}),  # who writes to both knows both
    ],
)
def test_names_that_many_have_and_both_at_once_say_nothing(to: str, more: dict[str, Any]) -> None:
    assert why("namesake", to=to, given=USUAL, **more) == ""


def test_an_address_written_to_before_is_nobodys_namesake() -> None:
    given = {"history": [*USUAL["history"], {"to": ["a.n.n.a.kowalska@gmail.com", "anna.kowalska@gmail.com"]}]}
    assert why("namesake", to="anna.kowalska@gmail.com", given=given) == ""
    assert why("namesake", to="anna.kowalska+x@gmail.com", given=given) == ""


def test_mailboxes_that_every_firm_has_are_no_names() -> None:
    given = {"history": [{"to": ["customer.service@client.example", "a.nowak@client.example"], "times": 14}]}
    assert why("namesake", to=["customer.service@rival.example", "a.nowak@rival.example"], given=given) == ""


def test_a_colleagues_name_at_an_address_outside() -> None:
    known = people(
        "people: [{address: boss@corp.example, name: Cleo Chief}, {address: ann@corp.example, name: Ann Lee}]"
    )
    given: dict[str, Any] = {"history": []}
    said = why("namesake", to="Cleo Chief <cleo@gmail.com>", people=known, given=given)
    assert "people.yaml knows boss@corp.example" in said
    assert why("namesake", to="Cleo Chief <cc@corp.example>", people=known, given=given) == ""
    assert why("namesake", to="Ann Lee <ann@gmail.com>", people=known, given=given) == "", "to herself at home"


def test_nobody_is_a_namesake_where_the_past_was_not_read() -> None:
    found = facts(to="anna.kowalska@gmail.com")
    (one,) = rules(rule("{recipients: {any: namesake}}")).rules
    one.when.ask(found)
    assert Need.FAMILIAR in found.wanted
    assert one.when.miss(found) == "not known: whom the sender writes to"


# --- undeliverable --------------------------------------------------------------------------------------------


def test_a_domain_that_takes_no_mail_and_one_that_does() -> None:
    said = why(
        "undeliverable", to=["kim@gone.example", "kim@client.example"], given={"undeliverable": ["GONE.example"]}
    )
    assert said == "kim@gone.example: the domain GONE.example takes no mail"
    assert why("undeliverable", to="kim@client.example", given={"undeliverable": ["gone.example"]}) == ""


def test_a_colleague_is_deliverable_whatever_dns_says() -> None:
    assert why("undeliverable", to="bob@corp.example", given={"undeliverable": ["corp.example"]}) == ""


def test_a_member_of_a_list_is_looked_at() -> None:
    assert why("undeliverable", to="everyone@corp.example", given={"undeliverable": ["client.example"]}).startswith(
        "ward@"
    )


def reached(found: Facts, reach: Reach | None) -> str:
    """Why not, with this answer of DNS."""
    object.__setattr__(found, "known", Known(reach=reach))
    (one,) = rules(rule("{recipients: {any: undeliverable}}")).rules
    assert one.when.ask(found).__class__.__name__ == "No"
    return one.when.miss(found)


def test_what_dns_did_not_say_is_not_known() -> None:
    assert reached(facts(to="kim@client.example"), None) == "not known: no domain was looked up"
    quiet = Reach(silent=frozenset({"client.example"}))
    assert reached(facts(to="kim@client.example"), quiet) == "not known: DNS did not speak about client.example"
    assert (
        reached(facts(to="kim@other.example"), quiet) == "nobody among the recipients is at a domain that takes no mail"
    )


# --- no_contact, unknown_list -----------------------------------------------------------------------------------

ORDERS = """
people: [{address: ceo@corp.example, aliases: [cleo@corp.example]}, {address: legal@corp.example, shared: true}]
no_contact:
  - {address: "*@client.example", until: 2026-03-04, reason: legal hold, approver: lex@corp.example,
     except: [ceo@corp.example, legal@corp.example]}
  - {address: sam.spade@gmail.com}
list_patterns: ["all-*@corp.example"]
lists:
  everyone@corp.example: {members: [ann@corp.example, team@corp.example]}
  team@corp.example: {members: [kim@client.example, everyone@corp.example]}
  staff@corp.example: {members: [ann@corp.example, all-temps@corp.example]}
  all-known@corp.example: {members: [ann@corp.example]}
"""
BOUND = people(ORDERS)


def test_an_order_is_named_with_its_end_and_reason() -> None:
    said = why("no_contact", to="kim@client.example", people=BOUND)
    assert said == "kim@client.example must not be written to until 2026-03-04: legal hold"
    assert why("no_contact", to="sam.spade@gmail.com", people=BOUND) == "sam.spade@gmail.com must not be written to"


@pytest.mark.parametrize(
    "mail",
    [
        {"to": "kim@notclient.example"},
        {"to": "kim@client.example", "sender": "cleo@corp.example"},
        {"to": "kim@client.example", "at": NOON.replace(day=5)},
        {"to": "kim@client.example", "headers": {"From": "legal@corp.example"}},
    ],
)
def test_an_order_ends_and_has_exceptions(mail: dict[str, Any]) -> None:
    assert why("no_contact", people=BOUND, **mail) == ""


def test_an_order_binds_members_of_lists_and_other_spellings() -> None:
    assert why("no_contact", to="everyone@corp.example", people=BOUND).startswith("everyone@corp.example must not")
    assert why("no_contact", to="samspade+x@googlemail.com", people=BOUND)


@pytest.mark.parametrize(
    ("to", "asked"), [("kim@client.example", "lex@corp.example"), ("sam.spade@gmail.com", "postmaster@corp.example")]
)
def test_an_orders_approver_is_asked_or_the_fallback(to: str, asked: str) -> None:
    text = rule("{recipients: {any: no_contact}}", "[{hold: {until: {approved_by: no_contact_approver}}}]")
    (hold,) = judge(text, facts(to=to, people=BOUND), people=BOUND).holds
    assert hold.approvers == (asked,)
    assert hold.reason.startswith(f"{to} must not be written to")


def test_nobody_approves_their_own_mail_through_a_shared_mailbox() -> None:
    known = people("people: [{address: team@corp.example, shared: true, members: [ann@corp.example]}]")
    text = rule("{always: true}", "[{hold: {until: {approved_by: [team@corp.example, lex@corp.example]}}}]")
    (hold,) = judge(text, facts(people=known), people=known).holds
    assert hold.approvers == ("lex@corp.example",)
    (hold,) = judge(text, facts(people=known, sender="bob@corp.example"), people=known).holds
    assert hold.approvers == ("team@corp.example", "lex@corp.example")


def test_a_list_of_ours_that_nobody_can_expand() -> None:
    assert why("unknown_list", to="all-staff@corp.example", people=BOUND)
    assert why("external", to="all-staff@corp.example", people=BOUND)
    assert why("unknown_list", to="staff@corp.example", people=BOUND), "one in a list"
    assert (
        why("unknown_list", to=["all-known@corp.example", "bob@corp.example", "all-x@client.example"], people=BOUND)
        == ""
    )


# --- spellings --------------------------------------------------------------------------------------------------

SPELT = people(
    "people: [{address: ann.b@corp.example, groups: [legal]}]",
    addresses={"corp.example": {"dots": "ignore", "plus": "ignore"}, "corp-two.example": {"same_as": "corp.example"}},
)


@pytest.mark.parametrize(
    ("who", "to", "true"),
    [
        ("{in: [kim.client@gmail.com]}", "kimclient+x@googlemail.com", True),
        ("{in: [kim.client@client.example]}", "kimclient@client.example", False),
        ("{group: legal}", "annb+shop@corp.example", True),
        ("{group: legal}", "an.nc@corp.example", False),
        ("{in: [bob@corp.example]}", "b.ob@corp-two.example", False),  # its own dots are not said to be ignored
        ("{in: [bob@corp.example]}", "bob@corp-two.example", True),
        ("{in: [kim@outlook.com]}", "kim+x@outlook.com", True),
        ("{in: [kim@outlook.com]}", "k.im@outlook.com", False),
    ],
)
def test_addresses_are_compared_as_their_domain_takes_them(who: str, to: str, true: bool) -> None:
    assert bool(why(who, to=to, people=SPELT)) is true


def test_another_spelling_of_somebody_known_is_no_first_contact() -> None:
    given = {"history": [{"to": ["kim.client@gmail.com", "bob@corp.example"], "days_ago": 30, "times": 20}]}
    assert why("first_contact", to="kimclient@gmail.com", given=given) == ""
    assert why("first_contact", to="kimclien@gmail.com", given=given)


def test_both_spellings_stay_recipients() -> None:
    found = facts(to=["kim.client@gmail.com", "kimclient@gmail.com"])
    assert len(found.recipients) == 2


# --- sender -----------------------------------------------------------------------------------------------------


def test_the_sender_is_who_logged_in_and_whom_they_write_as() -> None:
    found = facts(to="bob@corp.example", headers={"From": "lex@corp.example"})
    match = ask("{sender: {group: legal}}", found)
    assert match is not None
    assert match.reason == "the sender ann@corp.example writes as lex@corp.example, who is in the group legal"
    assert ask("{sender: {in: [ann@corp.example]}}", found)
    assert ask("{sender: {group: executives}}", found) is None


def test_without_a_login_from_says_nothing() -> None:
    found = facts(to="bob@corp.example", headers={"From": "lex@corp.example"})
    object.__setattr__(found, "identity", Identity("ann@corp.example", Proof.NETWORK))
    assert ask("{sender: {group: legal}}", found) is None


# --- missing ----------------------------------------------------------------------------------------------------

BOSS = "boss@corp.example"


@pytest.mark.parametrize(
    ("when", "mail", "missed"),
    [
        ("boss@corp.example", {}, "boss@corp.example is not among the recipients"),
        ("boss@corp.example", {"bcc": BOSS}, None),
        ("{any: boss@corp.example, in: [to, cc]}", {"bcc": BOSS}, "boss@corp.example is not in To or Cc"),
        ("manager_of_sender", {}, "boss@corp.example is not among the recipients"),
        ("manager_of_sender", {"cc": "Boss@Corp.example"}, None),
        ("manager_of_sender", {"sender": "bob@corp.example"}, None),  # nobody says who his is
        ("{group: legal}", {}, "anybody in the group legal is not among the recipients"),
        ("{group: legal}", {"cc": "lea@corp.example"}, None),
        ("[boss@corp.example, {group: legal}]", {"cc": BOSS}, "anybody in the group legal is not among the recipients"),
        ("{all: [boss@corp.example, {group: legal}]}", {"cc": BOSS}, None),
        ("{in: [boss@corp.example, lex@corp.example]}", {"cc": BOSS}, None),
        ("boss@corp.example", {"sender": BOSS}, None),
        ("ann@corp.example", {"sender": "bob@corp.example", "cc": "everyone@corp.example"}, None),
    ],
)
def test_somebody_who_should_get_it_too(when: str, mail: dict[str, Any], missed: str | None) -> None:
    match = ask(f"{{missing: {when}}}", facts(to="kim@client.example", **mail))
    assert (match and match.reason) == missed


def test_all_are_missed_when_none_is_there() -> None:
    match = ask("{missing: {all: [boss@corp.example, lex@corp.example]}}", facts(to="kim@client.example"))
    assert match is not None
    assert match.reason == "boss@corp.example and lex@corp.example are not among the recipients"


def test_why_nobody_is_missing() -> None:
    (one,) = rules(rule("{missing: {all: [boss@corp.example, lex@corp.example]}}")).rules
    assert one.when.miss(facts(to="kim@client.example", cc=BOSS)) == "only lex@corp.example is not among the recipients"
