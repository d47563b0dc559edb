"""Instants as people read them: in the organization's zone, named, and dated when it is not today."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_EN_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_EN_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_PL_MONTHS = [
    "stycznia",
    "lutego",
    "marca",
    "kwietnia",
    "maja",
    "czerwca",
    "lipca",
    "sierpnia",
    "września",
    "października",
    "listopada",
    "grudnia",
]


@dataclass(frozen=True, slots=True)
class When:
    """Says instants relative to `now`, in one zone and one language ('en' or 'pl')."""

    zone: ZoneInfo
    language: str
    now: datetime

    def at(self, instant: datetime | None, *, seconds: bool = False, zone: bool = True) -> str:
        """`at 10:05 CET`, or `on Tue 24 Nov at 10:05 CET` when that is not today."""
        if instant is None:
            return ""
        local = instant.astimezone(self.zone)
        clock = self._clock(local, seconds) + (f" {self.name(local)}" if zone else "")
        word = "o" if self.language == "pl" else "at"
        if local.date() == self.now.astimezone(self.zone).date():
            return f"{word} {clock}"
        day = self._day(local)
        return f"{day} {word} {clock}" if self.language == "pl" else f"on {day} {word} {clock}"

    def short(self, instant: datetime | None) -> str:
        """For a subject: `10:05`, or `Tue 24 Nov 10:05`."""
        if instant is None:
            return ""
        local = instant.astimezone(self.zone)
        today = local.date() == self.now.astimezone(self.zone).date()
        return self._clock(local, seconds=False) if today else f"{self._day(local)} {self._clock(local, False)}"

    def name(self, instant: datetime) -> str:
        """`CET`; zones that have only a number for a name are written as `UTC+03`."""
        name = instant.astimezone(self.zone).tzname() or "UTC"
        return f"UTC{name}" if name[:1] in "+-" else name

    def _day(self, local: datetime) -> str:
        year = "" if local.year == self.now.astimezone(self.zone).year else f" {local.year}"
        if self.language == "pl":
            return f"{local.day} {_PL_MONTHS[local.month - 1]}{year}"
        return f"{_EN_DAYS[local.weekday()]} {local.day} {_EN_MONTHS[local.month - 1]}{year}"

    @staticmethod
    def _clock(local: datetime, seconds: bool) -> str:
        return f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
