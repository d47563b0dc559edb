"""Whose approval is asked for: delegates, escalation, and never the sender's own."""

from datetime import datetime, timedelta

import pytest

from mailguard.document import yaml
from mailguard.people import parse as parse_people
from mailguard.records import Hold
from mailguard.rules.settings import HoldSettings
from tests.unit.rules.judge import CORP, HOLDS, NOON, WARSAW, facts, judge, rule

PEOPLE = parse_people(
    yaml.parse(
        """
version: 1
people:
  - {address: ann@corp.example, manager: boss@corp.example}
  - {address: boss@corp.example, delegate: {to: deputy@corp.example, from: 2026-03-04, until: 2026-03-06}}
  - {address: deputy@corp.example, delegate: {to: third@corp.example, from: 2026-03-06}}
  - {address: a@corp.example, delegate: {to: b@corp.example}}
  - {address: b@corp.example, delegate: {to: a@corp.example}}
  - {address: lex@corp.example, delegate: {to: ann@corp.example}}
  - {address: desk@corp.example, shared: true, members: [ann@corp.example]}
groups: {legal: [lex@corp.example, lea@corp.example], nobody: []}
""",
        "people.yaml",
    ),
    CORP,
)
POSTMASTER = "postmaster@corp.example"


def hold(whom: str, more: str = "", *, at: datetime = NOON, settings: HoldSettings = HOLDS, sender: str = "") -> Hold:
    text = rule("{always: true}", f"[{{hold: {{until: {{approved_by: {whom}}}{more}}}}}]")
    found = facts(at=at, people=PEOPLE, sender=sender or "ann@corp.example")
    (made,) = judge(text, found, settings, PEOPLE).holds
    return made


@pytest.mark.parametrize(
    ("day", "asked"),
    [
        (3, "boss@corp.example"),
        (4, "deputy@corp.example"),
        (5, "deputy@corp.example"),
        (6, "third@corp.example"),  # the deputy is away too
        (7, "boss@corp.example"),
    ],
)
def test_a_delegate_is_asked_instead_on_those_days_of_our_zone(day: int, asked: str) -> None:
    for hour, minute in ((0, 0), (12, 0), (23, 59)):
        at = datetime(2026, 3, day, hour, minute, tzinfo=WARSAW)
        assert hold("manager_of_sender", at=at).approvers == (asked,)


def test_delegates_in_a_circle_leave_it_as_it_was() -> None:
    assert hold("a@corp.example").approvers == ("a@corp.example",)


def test_a_sender_is_no_delegate_for_their_own_mail() -> None:
    assert hold("lex@corp.example").approvers == ("lex@corp.example",)
    assert hold("lex@corp.example", sender="bob@corp.example").approvers == ("ann@corp.example",)


def test_an_approver_and_their_delegate_are_one_of_m() -> None:
    made = hold("[boss@corp.example, deputy@corp.example], of: 2")
    assert made.approvers == ("deputy@corp.example", POSTMASTER)
    assert made.needed == 2


@pytest.mark.parametrize("fallback", ["ann@corp.example", "desk@corp.example"])
def test_the_fallback_person_does_not_approve_their_own_mail_either(fallback: str) -> None:
    made = hold("ann@corp.example", settings=HoldSettings(fallback=fallback))
    assert made.approvers == (fallback,)
    assert made.needed == 2  # nobody can: it comes back when it expires
    with_boss = hold("[ann@corp.example, lea@corp.example], of: 2", settings=HoldSettings(fallback=fallback))
    assert (with_boss.approvers, with_boss.needed) == (("lea@corp.example",), 2)  # one is not two


def test_two_are_two_also_where_only_the_fallback_person_is_found() -> None:
    made = hold("{group: nobody}, of: 2")
    assert (made.approvers, made.needed) == ((POSTMASTER,), 2)


def test_an_escalation_names_who_is_asked_later() -> None:
    made = hold("lea@corp.example", ", remind: 1h, escalate: {after: 4h, to: manager_of_sender}, expires: 8h")
    assert made.escalate_to == ("deputy@corp.example",)
    assert made.escalate_at == NOON + timedelta(hours=4)
    assert made.remind_at == NOON + timedelta(hours=1)
    assert made.expires_at == NOON + timedelta(hours=8)


@pytest.mark.parametrize(
    ("to", "others"),
    [
        ("ann@corp.example", (POSTMASTER,)),  # never the sender
        ("lea@corp.example", ()),  # was asked already
        ("[lea@corp.example, boss@corp.example]", ("deputy@corp.example",)),
    ],
)
def test_an_escalation_to_nobody_new_asks_the_fallback_person_or_nobody(to: str, others: tuple[str, ...]) -> None:
    made = hold("lea@corp.example", f", escalate: {{after: 4h, to: {to}}}")
    assert made.escalate_to == others
    assert (made.escalate_at is None) == (not others)


def test_only_the_calendars_hours_count_for_reminder_and_escalation() -> None:
    office = HoldSettings(fallback=POSTMASTER, calendar="Mon-Fri 08:00-18:00")
    friday = datetime(2026, 3, 6, 17, 0, tzinfo=WARSAW)
    more = ", remind: 2h, escalate: {after: 4h, to: boss@corp.example}"
    made = hold("lea@corp.example", more, at=friday, settings=office)
    assert made.remind_at == datetime(2026, 3, 9, 9, 0, tzinfo=WARSAW)
    assert made.escalate_at == datetime(2026, 3, 9, 11, 0, tzinfo=WARSAW)


def test_a_hold_is_let_go_by_mail_only_where_its_rule_says_so() -> None:
    assert not hold("lea@corp.example").by_mail
    assert not hold("lea@corp.example", ", release_by: [page]").by_mail
    assert hold("lea@corp.example", ", release_by: [page, mail]").by_mail
