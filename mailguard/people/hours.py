"""Hours of the week, as files write them: `Mon-Fri 08:00-18:00`, several with commas. Pure: time is an argument."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([A-Za-z]{3})(?:-([A-Za-z]{3}))?\s+(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)")
_MIDNIGHT = 24 * 60
OFFICE = "office"  # stands for organization.calendar wherever hours are written
_MINUTE = timedelta(minutes=1)
_HELP = 'write days and times, like "Mon-Fri 08:00-18:00" or "Mon-Fri 08:00-18:00, Sat 09:00-12:00"'


@dataclass(frozen=True, slots=True)
class Span:
    """The same hours on some days of the week; minutes since local midnight, the end not included."""

    days: frozenset[int]  # Monday is 0
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hours:
    """Some hours of every week, in whatever zone is asked for."""

    text: str
    spans: tuple[Span, ...]
    closed: frozenset[date] = frozenset()  # days without any, by that zone's calendar

    def include(self, now: datetime, zone: tzinfo) -> bool:
        """Whether this instant lies in the hours, on that zone's wall clock."""
        local = now.astimezone(zone)
        minute = local.hour * 60 + local.minute
        if local.date() in self.closed:
            return False
        return any(local.weekday() in span.days and span.start <= minute < span.end for span in self.spans)

    def after(self, start: datetime, amount: timedelta, zone: tzinfo) -> datetime:
        """The UTC instant by which `amount` of these hours has passed since `start`; only they are counted."""
        left, begin = amount, start.astimezone(UTC)
        for opens, closes in self._intervals(begin.astimezone(zone).date(), zone):
            counted = max(opens, begin)
            if closes - counted >= left:
                return counted + left
            left -= max(closes - counted, timedelta())
        raise AssertionError("a week has hours: the intervals never end")

    def opens(self, at: datetime, zone: tzinfo) -> datetime:
        """The first UTC instant not before `at` that lies in the hours."""
        begin = at.astimezone(UTC)
        return next(
            max(opens, begin)
            for opens, closes in self._intervals(begin.astimezone(zone).date(), zone)
            if closes > begin
        )

    def _intervals(self, day: date, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
        """As `include` sees them, in order: what a clock skips is not there, what it shows twice counts twice."""
        while True:
            open_ = () if day in self.closed else self.spans
            spans = sorted((span.start, span.end) for span in open_ if day.weekday() in span.days)
            for begin, end, offset in _parts(day, zone):
                midnight = datetime.combine(day, time(), UTC) - offset
                for start, stop in spans:
                    opens = max(midnight + timedelta(minutes=start), begin)
                    closes = min(midnight + timedelta(minutes=stop), end)
                    if opens < closes:
                        yield opens, closes
            day += timedelta(days=1)


def _parts(day: date, zone: tzinfo) -> list[tuple[datetime, datetime, timedelta]]:
    """The day in UTC with its offset: one part, or two (before and after) where the clock is put forward or back."""
    begin, end = _instant(day, 0, zone), _instant(day + timedelta(days=1), 0, zone)
    before, after = _offset(begin, zone), _offset(end - _MINUTE, zone)
    if before == after:
        return [(begin, end, before)]
    early, late = begin, end
    while late - early > _MINUTE:
        middle = early + (late - early) // _MINUTE // 2 * _MINUTE
        early, late = (middle, late) if _offset(middle, zone) == before else (early, middle)
    return [(begin, late, before), (late, end, after)]


def _offset(instant: datetime, zone: tzinfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _instant(day: date, minute: int, zone: tzinfo, fold: int = 0) -> datetime:
    return datetime.combine(day, time(*divmod(minute, 60), fold=fold), zone).astimezone(UTC)


def next_clock(clock: time, after: datetime, zone: tzinfo) -> datetime:
    """The first UTC instant not before `after` at which that zone's wall clock shows `clock`.

    A time that is skipped that day comes as much later as the clock is put forward; never earlier.
    """
    day = after.astimezone(zone).date()
    minute = clock.hour * 60 + clock.minute
    times = [
        max(_instant(on, minute, zone), _instant(on, minute, zone, fold))
        for on in (day, day + timedelta(days=1))
        for fold in (0, 1)
    ]
    return min(at for at in times if at >= after)


def parse(value: object) -> Hours:
    """ValueError says what to write instead."""
    if isinstance(value, Hours):
        return value
    spans = [_span(part.strip()) for part in value.split(",")] if isinstance(value, str) else []
    if not spans:
        raise ValueError(f"{value!r} is not a time of the week: {_HELP}")
    ordered = sorted((day, span.start, span.end) for span in spans for day in span.days)
    for (day, _, end), (next_day, start, _) in pairwise(ordered):
        if day == next_day and start < end:
            raise ValueError(f"{value!r} names some hours twice: let the times of a day not overlap")
    return Hours(str(value), tuple(spans))


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time of the week: {_HELP}")
    first, last = (_day(name) for name in (found[1], found[2] or found[1]))
    start, end = int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])
    if int(found[4]) >= 60 or int(found[6]) >= 60 or end > _MIDNIGHT:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f"{text!r} has a time that no clock shows")
    if start >= end:
        raise ValueError(f"{text!r} ends before it starts: write a night as two, like Mon 22:00-24:00, Tue 00:00-06:00")
    return Span(frozenset((first + step) % 7 for step in range((last - first) % 7 + 1)), start, end)


def _day(name: str) -> int:
    if name.lower() not in _DAYS:
        raise ValueError(f"{name!r} is not a day: write Mon, Tue, Wed, Thu, Fri, Sat or Sun")
    return _DAYS.index(name.lower())


def clock(value: object) -> time:
    """`08:00` → a time of day. ValueError says what to write instead."""
    if isinstance(value, time):
        return value
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:  # noqa: PLR2004 - what a clock shows
        raise ValueError(f'{value!r} is not a time of day: write it in quotes, like "08:00"')
    return time(int(found[1]), int(found[2]))


def clock_or_office(value: object) -> time | str:
    """A time of day, or the word for the organization's own hours."""
    return OFFICE if value == OFFICE else clock(value)


WeekHours = Annotated[Hours, BeforeValidator(parse, json_schema_input_type=str)]
Until = Annotated[time | Literal["office"], BeforeValidator(clock_or_office, json_schema_input_type=str)]
