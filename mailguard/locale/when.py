"""Instants as people read them: in the organization's zone, named, and dated when it is not today."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_timedelta

from mailguard.locale.language import Language


@dataclass(frozen=True, slots=True)
class When:
    """Says instants relative to `now`, in one zone and one language."""

    zone: ZoneInfo
    language: Language
    now: datetime

    def at(self, instant: datetime | None, *, seconds: bool = False, zone: bool = True) -> str:
        """`at 10:05 CET`, or `on Tue 24 Nov at 10:05 CET` when that is not today; '' when there is none."""
        if instant is None:
            return ""
        say, local = self.language.say, instant.astimezone(self.zone)
        time, day, name = self._clock(local, seconds), self._day(local), self.name(local)
        if day:
            return (
                say("on {day} at {time} {zone}", day=day, time=time, zone=name)
                if zone
                else say("on {day} at {time}", day=day, time=time)
            )
        return say("at {time} {zone}", time=time, zone=name) if zone else say("at {time}", time=time)

    def short(self, instant: datetime | None, *, seconds: bool = False, zone: bool = False) -> str:
        """For a subject or a table: `10:05`, or `Tue 24 Nov 10:05`."""
        if instant is None:
            return ""
        local = instant.astimezone(self.zone)
        parts = (self._day(local), self._clock(local, seconds), self.name(local) if zone else "")
        return " ".join(part for part in parts if part)

    def relative(self, instant: datetime | None) -> str:
        """`in 5 minutes`, `3 hours ago`, `just now`."""
        if instant is None:
            return ""
        if abs(instant - self.now) < timedelta(seconds=1):
            return self.language.say("just now")
        return format_timedelta(instant - self.now, add_direction=True, locale=self.language.locale)

    def span(self, instant: datetime | None) -> str:
        """`5 minutes`: how far away it is."""
        return format_timedelta(instant - self.now, locale=self.language.locale) if instant else ""

    def name(self, instant: datetime) -> str:
        """`CET`; zones that have only a number for a name are written as `UTC+03`."""
        name = instant.astimezone(self.zone).tzname() or "UTC"
        return f"UTC{name}" if name[:1] in "+-" else name

    def day(self, day: date) -> str:
        """`Tue 24 Nov`, with its year when that is another. How (CLDR letters: EEE, d, MMM, y) the catalogue says."""
        say, today = self.language.say, self.now.astimezone(self.zone)
        pattern = say("EEE d MMM") if day.year == today.year else say("EEE d MMM y")
        return format_date(day, pattern, locale=self.language.locale)

    def _day(self, local: datetime) -> str:
        """'' is today."""
        return "" if local.date() == self.now.astimezone(self.zone).date() else self.day(local.date())

    @staticmethod
    def _clock(local: datetime, seconds: bool) -> str:
        return f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
