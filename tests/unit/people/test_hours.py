"""Hours of the week, and time that counts only in them."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from mailguard.people.hours import clock, next_clock, parse
from mailguard.rules.settings import HoldSettings
from tests.unit.rules.judge import WARSAW

OFFICE = "Mon-Fri 08:00-18:00"


def local(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=WARSAW)


@pytest.mark.parametrize(
    ("text", "at", "included"),
    [
        (OFFICE, local(4, 8), True),
        (OFFICE, local(4, 17, 59), True),
        (OFFICE, local(4, 18), False),
        (OFFICE, local(7, 12), False),
        ("Sat-Mon 10:00-12:00", local(8, 11), True),
        ("Sat-Mon 10:00-12:00", local(9, 11), True),
        ("Sat-Mon 10:00-12:00", local(10, 11), False),
        ("Mon-Fri 08:00-12:00, Mon-Thu 13:00-17:00", local(6, 14), False),
        ("Mon-Fri 08:00-12:00, Mon-Thu 13:00-17:00", local(5, 14), True),
        ("Sun 00:00-24:00", local(8, 23, 59), True),
    ],
)
def test_what_is_in_the_hours(text: str, at: datetime, included: bool) -> None:
    assert parse(text).include(at.astimezone(UTC), WARSAW) is included


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        (local(4, 9), 8, local(4, 17)),
        (local(4, 9), 9, local(4, 18)),
        (local(4, 9), 10, local(5, 9)),
        (local(6, 17), 8, local(9, 15)),  # Friday evening → Monday
        (local(7, 12), 1, local(9, 9)),  # a weekend does not count
        (local(4, 5), 1, local(4, 9)),
        (local(4, 9), 72, local(13, 11)),
        (local(27, 17), 2, local(30, 9)),  # over the night the clocks go forward
    ],
)
def test_only_working_time_counts(start: datetime, hours: int, end: datetime) -> None:
    found = parse(OFFICE).after(start, timedelta(hours=hours), WARSAW)
    assert found == end
    assert found.tzinfo is UTC


def test_a_day_whose_clock_jumps_has_an_hour_less() -> None:
    night = parse("Sun 00:00-06:00")
    assert night.after(local(29, 0), timedelta(hours=5), WARSAW) == local(29, 6)


def test_the_next_time_of_day() -> None:
    assert next_clock(time(8), local(4, 8), WARSAW) == local(4, 8)
    assert next_clock(time(8), local(4, 8, 1), WARSAW) == local(5, 8)


@pytest.mark.parametrize(
    "text",
    ["", "Mon", "Mon-Fri", "Mon 8-18", "Mon 18:00-08:00", "Mon 08:00-25:00", "Mon 08:60-09:00", "Mon 08:00-08:00",
     "Mo-Fr 08:00-18:00", "Mon 08:00-12:00, Mon 11:00-13:00", 1000, None],
)  # fmt: skip
def test_what_no_clock_shows_is_refused_with_a_sentence(text: object) -> None:
    with pytest.raises(ValueError, match=r"Mon|ends before|no clock|twice"):
        parse(text)


@pytest.mark.parametrize("text", ["8", "24:00", "08:60", 480, "8h"])
def test_a_time_of_day_that_is_none(text: object) -> None:
    with pytest.raises(ValueError, match="in quotes"):
        clock(text)


@pytest.mark.parametrize("wrong", [{"calendar": "weekdays"}, {"fallback": "postmaster"}, {"expires": "soon"}])
def test_hold_settings_are_checked(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        HoldSettings.model_validate({"fallback": "postmaster@corp.example", **wrong})


WARSAW_2026 = (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC))
ZONES = {
    "Europe/Warsaw": WARSAW_2026,
    "America/New_York": (datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 10, 31, 12, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 4, 4, 0, tzinfo=UTC), datetime(2026, 10, 3, 0, tzinfo=UTC)),  # half an hour
}
NIGHTS = [(name, around) for name, days in ZONES.items() for around in days]


@pytest.mark.parametrize(("name", "around"), NIGHTS)
@pytest.mark.parametrize("text", ["Sun 00:30-02:30", "Sat-Sun 01:45-02:15, Sun 02:20-05:00", "Sun 00:00-24:00"])
def test_counted_time_is_what_a_look_at_every_minute_would_count(name: str, around: datetime, text: str) -> None:
    zone, hours = ZoneInfo(name), parse(text)
    minutes = [around + timedelta(minutes=n) for n in range(36 * 60)]
    inside = [at for at in minutes if hours.include(at, zone)]
    for step in range(0, len(minutes), 37):
        later = [at for at in inside if at >= minutes[step]]
        for count in range(1, len(later), 29):
            counted = hours.after(minutes[step], timedelta(minutes=count), zone)
            assert counted == later[count - 1] + timedelta(minutes=1), (minutes[step], count)


@pytest.mark.parametrize(("name", "around"), NIGHTS)
@pytest.mark.parametrize("at", [time(1, 30), time(2, 0), time(2, 15), time(2, 30), time(3, 0)])
def test_the_next_time_of_day_is_the_first_the_clock_shows_or_what_is_left_of_a_skipped_one(
    name: str, around: datetime, at: time
) -> None:
    zone = ZoneInfo(name)
    minutes = [around + timedelta(minutes=n) for n in range(48 * 60)]
    for start in minutes[: 30 * 60 : 7]:
        found = next_clock(at, start, zone)
        shows = next(m for m in minutes if m >= start and m.astimezone(zone).time() == at)
        skipped = found.astimezone(zone).time() != at
        assert found >= start
        assert found == shows or (skipped and start <= found <= shows and found.astimezone(zone).time() > at)
