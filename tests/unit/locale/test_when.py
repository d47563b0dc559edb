"""Instants, as people of each language read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mailguard.locale import Language, When
from mailguard.testing import MONDAY as NOW


@pytest.mark.parametrize(
    ("zone", "language", "instant", "said"),
    [
        ("Europe/Warsaw", "en", NOW, "at 10:00 CET"),
        ("Europe/Warsaw", "pl", NOW, "o 10:00 CET"),
        ("Europe/Warsaw", "de", NOW, "um 10:00 Uhr CET"),
        ("Europe/Warsaw", "en", NOW + timedelta(hours=14), "on Tue 24 Nov at 00:00 CET"),
        ("Europe/Warsaw", "pl", NOW + timedelta(hours=14), "24 listopada o 00:00 CET"),
        ("Europe/Warsaw", "de", NOW + timedelta(hours=14), "am Di., 24. Nov. um 00:00 Uhr CET"),
        ("Europe/Warsaw", "de", NOW + timedelta(days=60), "am Fr., 22. Jan. 2027 um 10:00 Uhr CET"),
        ("Europe/Istanbul", "en", NOW, "at 12:00 UTC+03"),
        ("America/New_York", "en", NOW - timedelta(hours=6), "on Sun 22 Nov at 22:00 EST"),
        ("UTC", "en", datetime(2027, 1, 1, tzinfo=UTC), "on Fri 1 Jan 2027 at 00:00 UTC"),
    ],
)
def test_instants_are_told_in_the_zone_and_dated_when_not_today(
    zone: str, language: str, instant: datetime, said: str
) -> None:
    assert When(ZoneInfo(zone), Language(language), NOW).at(instant) == said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["in 5 minutes", "3 hours ago"]),
        ("pl", ["za 5 minut", "3 godziny temu"]),
        ("de", ["in 5 Minuten", "vor 3 Stunden"]),
    ],
)
def test_how_far_away_an_instant_is(language: str, said: list[str]) -> None:
    when = When(ZoneInfo("UTC"), Language(language), NOW)
    assert when.relative(NOW) == when.language.say("just now")
    assert [when.relative(NOW + timedelta(minutes=5)), when.relative(NOW - timedelta(hours=3))] == said


def test_what_has_no_instant_is_not_told() -> None:
    when = When(ZoneInfo("UTC"), Language("en"), NOW)
    assert (when.at(None), when.short(None), when.relative(None)) == ("", "", "")
