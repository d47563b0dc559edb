"""When we work: hours of the week and holidays, on one zone's clock."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator, model_validator

from mailguard.document.model import BadValue
from mailguard.document.units import Section
from mailguard.people.fields import Day, Zone
from mailguard.people.hours import Hours, WeekHours

CODE = "MG311"
_CLOSED = 366  # days: no office is closed so long


@dataclass(frozen=True, slots=True)
class Timetable:
    """Hours in the zone whose clock they are read from."""

    hours: Hours
    zone: tzinfo

    def include(self, now: datetime) -> bool:
        """As `Hours.include`."""
        return self.hours.include(now, self.zone)

    def holiday(self, now: datetime) -> bool:
        """Whether nobody works that day."""
        return now.astimezone(self.zone).date() in self.hours.closed

    def after(self, start: datetime, amount: timedelta) -> datetime:
        """As `Hours.after`."""
        return self.hours.after(start, amount, self.zone)

    def opens(self, at: datetime) -> datetime:
        """As `Hours.opens`."""
        return self.hours.opens(at, self.zone)


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) and value else value


class Calendar(Section):
    """When we work: what `office` means in rules and holds."""

    hours: WeekHours = Field(examples=["Mon-Fri 08:00-18:00"])
    """Days and times."""
    holidays: Annotated[
        tuple[Day, ...] | Path, BeforeValidator(_path, json_schema_input_type=tuple[Day, ...] | str)
    ] = Field((), examples=["[2026-12-25, 2026-12-26]", "holidays.ics"])
    """Days on which nobody works; or a file with them: .ics, or one day a line (what follows it is a comment)."""
    zone: Zone | None = None
    """The time zone of these hours and days; the organization's when left out."""

    @field_validator("holidays")
    @classmethod
    def _once(cls, value: tuple[str, ...] | Path) -> tuple[str, ...] | Path:
        days = value if isinstance(value, tuple) else ()
        for number, day in enumerate(days):
            if day in days[:number]:
                raise BadValue(f'"{day}" is a holiday already', "keep one", code=CODE, at=(number,))
        return value

    @model_validator(mode="after")
    def _opens(self) -> "Calendar":
        if isinstance(self.holidays, tuple) and never_opens(self.hours, self.closed):
            message = f"with these holidays nobody works for more than {_CLOSED} days on end"
            raise BadValue(message, "remove some", code=CODE, at=("holidays",))
        return self

    @property
    def closed(self) -> frozenset[date]:
        """The holidays; of a file none, until `holidays.with_holidays` has read it."""
        return frozenset(map(date.fromisoformat, self.holidays if isinstance(self.holidays, tuple) else ()))

    def timetable(self, zone: str) -> Timetable:
        """The hours without the holidays, in this zone where the calendar names none."""
        hours = replace(self.hours, text=f"office hours ({self.hours.text})", closed=self.closed)
        return Timetable(hours, ZoneInfo(self.zone or zone))


def never_opens(hours: Hours, closed: Iterable[date]) -> bool:
    """Whether holidays leave no working day for so long that somebody must have made a mistake."""
    working = frozenset().union(*(span.days for span in hours.spans))
    days = sorted(closed)
    begin = days[0] if days else date.max
    for day, following in pairwise(days):
        if (following - day).days > 7 or any(  # noqa: PLR2004 - every week has a working day
            (day.weekday() + step) % 7 in working for step in range(1, (following - day).days)
        ):
            begin = following
        elif (following - begin).days > _CLOSED:
            return True
    return False
