"""Holidays from a file: an iCalendar export (RFC 5545), or one day a line."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from mailguard.document import source
from mailguard.document.problem import Problem
from mailguard.errors import ConfigError
from mailguard.people.calendar import CODE, never_opens
from mailguard.people.organization import Organization

_LAST_YEAR = 2099  # up to which a holiday of every year is known
_LONGEST_EVENT = 31  # days
_FOLD = re.compile(r"\r?\n[ \t]")
_NUMBER = re.compile(r"\d{8}")


class _Wrong(Exception):
    """What a line says that cannot be used, and what to write."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def with_holidays(organization: Organization, folder: Path) -> tuple[Organization, list[Problem]]:
    """The organization with the days of its holiday file, and what is wrong with that; line 0 is the file as a whole.

    A relative path is taken from `folder`.
    """
    calendar = organization.calendar
    if calendar is None or not isinstance(calendar.holidays, Path):
        return organization, []
    path = folder / calendar.holidays
    days, problems = read(path)
    if not problems and never_opens(calendar.hours, days):
        problems = [_problem(path, 0, "", _Wrong("with these holidays the office never opens", "remove some"))]
    read_in = calendar.model_copy(update={"holidays": tuple(sorted(map(date.isoformat, days)))})
    return organization.model_copy(update={"calendar": read_in}), problems


def read(path: Path) -> tuple[frozenset[date], list[Problem]]:
    """The days of a file, and everything that is wrong with it."""
    try:
        text = source.read(path).text
    except ConfigError as error:
        return frozenset(), [problem for problem in error.problems if isinstance(problem, Problem)]
    found: set[date] = set()
    problems: list[Problem] = []
    calendar = text.lstrip().upper().startswith("BEGIN:VCALENDAR")
    for line, said, item in _events(text) if calendar else _lines(text):
        try:
            found |= _days_of(item) if isinstance(item, dict) else _day_of(item, found)
        except _Wrong as wrong:
            problems.append(_problem(path, line, said, wrong))
    return frozenset(found), problems


def _problem(path: Path, line: int, said: str, wrong: _Wrong) -> Problem:
    column, length = (1, len(said.split(maxsplit=1)[0])) if said.split() else (0, 0)
    return Problem(CODE, "error", str(path), line, column, length, str(wrong), wrong.fix, said)


# --- one day a line -------------------------------------------------------------------------------------------


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line, line.split()[0]


def _day_of(word: str, known: set[date]) -> set[date]:
    try:
        day = date.fromisoformat(word)
    except ValueError:
        day = None
    if day is None or day.isoformat() != word:
        raise _Wrong(f'"{word}" is not a day', "begin the line with year, month, day: 2026-12-25 Christmas")
    if day in known:
        raise _Wrong(f'"{word}" is a holiday already', "keep one of the two lines")
    return {day}


# --- iCalendar ------------------------------------------------------------------------------------------------

Event = dict[str, str]


def _events(text: str) -> Iterator[tuple[int, str, Event]]:
    """Each VEVENT's own properties, with the line it begins in; those of alarms within are not its."""
    inside, begun, event = list[str](), 0, Event()
    at = 1
    for line in re.split(r"\r?\n(?![ \t])", text):
        name, _, value = _FOLD.sub("", line).partition(":")
        name = name.partition(";")[0].strip().upper()
        if name == "BEGIN":
            inside.append(value.strip().upper())
            if inside[-1] == "VEVENT":
                begun, event = at, {}
        elif name == "END":
            if inside and inside.pop() == "VEVENT":
                yield begun, "BEGIN:VEVENT", event
        elif inside and inside[-1] == "VEVENT":
            event[name] = value.strip()
        at += line.count("\n") + 1


def _days_of(event: Event) -> set[date]:
    if event.get("STATUS", "").upper() == "CANCELLED":
        return set()
    first = _date(event.get("DTSTART", ""))
    end = _date(event["DTEND"]) if "DTEND" in event else first + timedelta(days=1)
    length = (end - first).days
    for name in ("DURATION", "RDATE", "EXDATE"):
        if name in event:
            raise _Wrong(
                f"{_called(event)} has {name}, which is not read here", "write its days as events of their own"
            )
    if not 0 < length <= _LONGEST_EVENT:
        raise _Wrong(f"{_called(event)} is {length} days long", f"a holiday is 1 to {_LONGEST_EVENT} days long")
    begins = [first, *_repeated(event, first)]
    return {begin + timedelta(days=step) for begin in begins for step in range(length)}


def _repeated(event: Event, first: date) -> Iterator[date]:
    """Of a holiday of every year, its other years."""
    if "RRULE" not in event:
        return
    rule = dict(part.partition("=")[::2] for part in event["RRULE"].upper().split(";") if part)
    same = {"FREQ": "YEARLY", "INTERVAL": "1", "BYMONTH": str(first.month), "BYMONTHDAY": str(first.day)}
    odd = {name: value for name, value in rule.items() if same.get(name, value) != value}
    if "FREQ" not in rule or odd or rule.keys() - same.keys() - {"COUNT", "UNTIL", "WKST"}:
        message = f"{_called(event)} comes again otherwise than on the same day of every year"
        raise _Wrong(message, "write its days as events of their own")
    until = _date(rule["UNTIL"][:8]) if "UNTIL" in rule else date(_LAST_YEAR, 12, 31)
    left = int(rule["COUNT"]) - 1 if rule.get("COUNT", "").isdecimal() else _LAST_YEAR
    for year in range(first.year + 1, min(until.year, _LAST_YEAR) + 1):
        try:
            day = first.replace(year=year)
        except ValueError:  # 29 February
            continue
        if day > until or left <= 0:
            return
        left -= 1
        yield day


def _date(said: str) -> date:
    if not _NUMBER.fullmatch(said):
        fix = "holidays are whole days: DTSTART;VALUE=DATE:20261225"
        raise _Wrong(f'"{said}" is not a day' if said else "an event without its day", fix)
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise _Wrong(f'"{said}" is not a day', "write year, month, day: 20261225") from None


def _called(event: Event) -> str:
    return f'"{event.get("SUMMARY", "an event")[:60]}"'
