"""Office hours without the holidays, and the files that name those."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from mailguard.people import Organization
from mailguard.people.calendar import Calendar, Timetable
from mailguard.people.holidays import read

WARSAW = ZoneInfo("Europe/Warsaw")


def office(holidays: list[str], hours: str = "Mon-Fri 08:00-18:00", zone: str | None = None) -> Timetable:
    calendar = Calendar.model_validate({"hours": hours, "holidays": holidays, "zone": zone})
    return calendar.timetable("Europe/Warsaw")


def local(month: int, day: int, hour: int, minute: int = 0, *, fold: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=WARSAW, fold=fold)


@pytest.mark.parametrize(
    ("at", "working"),
    [(local(12, 24, 12), True), (local(12, 25, 12), False), (local(12, 26, 12), False), (local(12, 28, 8), True)],
)
def test_nobody_works_on_a_holiday(at: datetime, working: bool) -> None:
    table = office(["2026-12-25"])
    assert table.include(at) is working
    assert (table.opens(at) == at) is working


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (local(12, 24, 17, 59), local(12, 24, 17, 59)),
        (local(12, 24, 18), local(12, 28, 8)),  # Christmas Day is a Friday
        (local(12, 25, 12), local(12, 28, 8)),
        (local(3, 27, 20), local(3, 30, 8)),  # the clocks go forward on 29 March, and back on 25 October
        (local(10, 23, 20), local(10, 26, 8)),
    ],
)
def test_the_next_working_minute(at: datetime, opens: datetime) -> None:
    found = office(["2026-12-25"]).opens(at)
    assert found == opens
    assert found.tzinfo is UTC


def test_a_holiday_does_not_count_as_working_time() -> None:
    assert office(["2026-12-25"]).after(local(12, 24, 17), timedelta(hours=2)) == local(12, 28, 9)
    assert office([]).after(local(12, 24, 17), timedelta(hours=2)) == local(12, 25, 9)


def test_what_the_clock_shows_twice_is_open_twice_and_what_it_skips_never() -> None:
    night = office([], "Sun 02:00-03:00")
    assert night.after(local(10, 25, 2), timedelta(hours=2)) == local(10, 25, 2, fold=1) + timedelta(hours=1)
    assert night.opens(local(3, 28, 12)) == local(4, 5, 2)  # 29 March has no such hour
    assert office(["2026-10-25"], "Sun 02:00-03:00").opens(local(10, 24, 12)) == local(11, 1, 2)


def test_a_calendar_may_have_a_zone_of_its_own() -> None:
    lisbon = office(["2026-12-25"], zone="Europe/Lisbon")
    assert not lisbon.include(local(12, 24, 8))  # 7 o'clock there
    assert not lisbon.include(local(12, 26, 0, 30))  # the 25th there
    assert Organization(domains=("corp.example",)).office is None


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"hours": "Mon-Fri 18:00-08:00"}, "ends before it starts"),
        ({"hours": ""}, "not a time of the week"),
        ({"hours": "Mon 08:00-18:00", "holidays": ["2026-02-30"]}, "not a day"),
        ({"hours": "Mon 08:00-18:00", "holidays": ["2026-12-25", "2026-12-25"]}, "a holiday already"),
        ({"hours": "Mon 08:00-18:00", "zone": "Europe/Warschau"}, "not a time zone"),
    ],
)
def test_a_calendar_that_is_wrong(written: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Calendar.model_validate(written)


def test_a_calendar_that_never_opens_is_a_mistake() -> None:
    every = [(date(2026, 1, 1) + timedelta(days=step)).isoformat() for step in range(400)]
    mondays = [day for day in every if date.fromisoformat(day).weekday() == 0]
    with pytest.raises(ValidationError, match="nobody works for more than 366 days"):
        office(every)
    with pytest.raises(ValidationError, match="nobody works"):
        office(mondays, "Mon 08:00-18:00")
    assert office(mondays, "Mon-Tue 08:00-18:00").opens(local(1, 5, 8)) == local(1, 6, 8)
    assert office(every[:200]).opens(local(1, 1, 8)) == local(7, 20, 8)


def days(path: Path) -> list[str]:
    found, problems = read(path)
    assert problems == []
    return sorted(day.isoformat() for day in found)


def test_holidays_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "holidays"
    path.write_text("\ufeff# ours\n2026-12-25 Christmas Day\n\n2026-12-26\tBoxing Day\n", "utf-8")
    assert days(path) == ["2026-12-25", "2026-12-26"]


ICS = """\
BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
SUMMARY:Christmas with a name so long that
  it is folded
DTSTART;VALUE=DATE:20261225
DTEND;VALUE=DATE:20261227
BEGIN:VALARM
TRIGGER:-PT15M
DURATION:PT5M
END:VALARM
END:VEVENT
BEGIN:VEVENT
SUMMARY:Labour Day
DTSTART;VALUE=DATE:20250501
RRULE:FREQ=YEARLY;UNTIL=20270501
END:VEVENT
BEGIN:VEVENT
SUMMARY:Leap
DTSTART;VALUE=DATE:20240229
RRULE:FREQ=YEARLY;COUNT=2
END:VEVENT
BEGIN:VEVENT
SUMMARY:Not at all
STATUS:CANCELLED
DTSTART;VALUE=DATE:20260704
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_holidays_of_an_icalendar_file(tmp_path: Path, end: str) -> None:
    path = tmp_path / "holidays.ics"
    path.write_bytes(ICS.replace("\n", end).encode())
    expected = ["2024-02-29", "2025-05-01", "2026-05-01", "2026-12-25", "2026-12-26", "2027-05-01", "2028-02-29"]
    assert days(path) == expected


def event(*lines: str) -> str:
    return "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Day\n" + "".join(f"{line}\n" for line in lines) + "END:VEVENT\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# ours\nChristmas 2026-12-25\n", 2, '"Christmas" is not a day'),
        ("2026-12-25\n20261226\n", 2, '"20261226" is not a day'),
        ("2026-12-25\n2026-12-25\n", 2, "is a holiday already"),
        (event("DTSTART:20261225T100000Z"), 2, "not a day"),
        (event(), 2, "without its day"),
        (event("DTSTART;VALUE=DATE:20261332"), 2, "not a day"),
        (event("DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261225"), 2, '"Day" is 0 days long'),
        (event("DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=WEEKLY"), 2, "comes again otherwise"),
        (event("DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY;BYDAY=4TH"), 2, "comes again otherwise"),
        (event("DTSTART;VALUE=DATE:20261225", "EXDATE;VALUE=DATE:20271225"), 2, "EXDATE"),
    ],
)
def test_a_line_that_is_no_holiday_is_said_with_its_place(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = tmp_path / "holidays"
    path.write_text(text)
    ((problem),) = read(path)[1]
    assert (problem.code, problem.line, problem.path) == ("MG311", line, str(path))
    assert words in problem.message
    assert problem.help


def test_a_file_that_is_no_text_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "holidays"
    path.write_bytes("2026-12-25 Boże Narodzenie".encode("utf-16"))
    assert [problem.code for problem in read(path)[1]] == ["MG109"]
    for wrong in (tmp_path, tmp_path / "none"):
        assert [(problem.code, problem.line) for problem in read(wrong)[1]] == [("MG101", 0)]
