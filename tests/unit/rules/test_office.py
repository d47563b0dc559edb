"""`office` in conditions, delays and holds: when the organization works."""

from datetime import datetime, timedelta

import pytest

from mailguard.people import Organization
from mailguard.people import empty as nobody
from mailguard.rules.settings import HoldSettings
from tests.unit.rules.judge import WARSAW, ask, facts, judge, rule

CALENDAR = {"hours": "Mon-Fri 08:00-18:00", "holidays": ["2026-12-25"]}
PEOPLE = nobody(
    Organization.model_validate({"domains": ["corp.example"], "zone": "Europe/Warsaw", "calendar": CALENDAR})
)
ALWAYS = "{always: true}"


def december(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, day, hour, minute, tzinfo=WARSAW)


@pytest.mark.parametrize(
    ("at", "outside", "said"),
    [
        (december(24, 17, 59), False, "it is Thu 17:59, inside office hours"),
        (december(24, 18), True, "it is Thu 18:00, outside office hours"),
        (december(25, 12), True, "it is Fri 12:00, a holiday, outside office hours"),
    ],
)
def test_a_mail_outside_office_hours(at: datetime, outside: bool, said: str) -> None:
    found = facts(at=at, people=PEOPLE)
    match = ask("{time: {outside: office}}", found, PEOPLE)
    assert (match is not None) is outside
    assert (ask("{time: {inside: office}}", found, PEOPLE) is None) is outside
    if match:
        assert match.reason.startswith(said)


@pytest.mark.parametrize(
    ("at", "then", "due"),
    [
        (december(24, 12), "{until: office}", december(24, 12)),
        (december(24, 20), "{until: office}", december(28, 8)),
        (december(24, 17, 58), "{for: 5m, until: office}", december(28, 8)),
        (december(25, 9), "{for: 5m, until: office}", december(28, 8)),
        (december(28, 9), "{for: 5m, until: office}", december(28, 9, 5)),
    ],
)
def test_a_mail_that_waits_for_office_hours(at: datetime, then: str, due: datetime) -> None:
    found = facts(at=at, people=PEOPLE)
    waits = judge(rule(ALWAYS, f"[{{delay: {then}}}]"), found, people=PEOPLE).waits
    assert [wait.due_at for wait in waits.values()] == ([due] if due > at else [])


@pytest.mark.parametrize(
    ("calendar", "expires"),
    [("office", december(28, 17)), ("Mon-Fri 08:00-18:00", december(25, 17)), (None, december(25, 3))],
)
def test_a_hold_counts_only_the_hours_that_are_worked(calendar: str | None, expires: datetime) -> None:
    holds = HoldSettings(fallback="postmaster@corp.example", calendar=calendar, expires=timedelta(hours=10))
    (hold,) = judge(
        rule(ALWAYS, "[{hold: sender_confirms}]"), facts(at=december(24, 17), people=PEOPLE), holds, PEOPLE
    ).holds
    assert hold.expires_at == expires
