"""When the mail is sent, by the wall clock of a zone."""

from datetime import tzinfo
from zoneinfo import ZoneInfo

from pydantic import PrivateAttr, field_validator, model_validator

from mailguard.document.model import BadValue
from mailguard.locale import N_, saying
from mailguard.people import hours
from mailguard.people.calendar import Timetable
from mailguard.records import Match
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition
from mailguard.rules.facts import Facts


@condition("time")
class Time(Condition):
    """Inside or outside some hours of the week."""

    examples = ({"outside": "Mon-Fri 08:00-18:00"},)
    outside: str | None = None
    """Not in these hours, like "Mon-Fri 08:00-18:00"; office: not when we work."""
    inside: str | None = None
    """In these hours."""
    zone: str | None = None
    """A time zone like Europe/Warsaw; the organization's when left out."""
    _table: Timetable = PrivateAttr()

    @field_validator("outside", "inside")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value not in (None, hours.OFFICE):
            hours.parse(value)
        return value

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None:
            _load(value)
        return value

    @model_validator(mode="after")
    def _asks(self) -> "Time":
        if (self.outside is None) == (self.inside is None):
            raise BadValue("time needs exactly one of outside and inside", code="MG217")
        if hours.OFFICE in (self.outside, self.inside) and self.zone is not None:
            fix = "leave the zone out, or write the hours"
            raise BadValue("office hours have a zone of their own", fix, code="MG217", at=("zone",))
        return self

    def bind(self, binder: Binder) -> None:
        organization, said = binder.names.people.organization, self.outside or self.inside
        if said == hours.OFFICE:
            table = binder.office("outside" if self.outside else "inside")
        else:
            table = Timetable(hours.parse(said), _load(self.zone or organization.zone))
        if table is not None:
            self._table = table

    def match(self, facts: Facts) -> Match | None:
        table = self._table
        included = table.include(facts.now)
        return Match(_said(table, facts, included)) if included == (self.inside is not None) else None

    def miss(self, facts: Facts) -> str:
        return _said(self._table, facts, self._table.include(facts.now))


_DAYS = tuple(
    map(saying, (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun")))
)  # fmt: skip


def _said(table: Timetable, facts: Facts, included: bool) -> str:
    local, hours = facts.now.astimezone(table.zone), table.hours.text
    day, clock = _DAYS[local.weekday()], local.strftime("%H:%M")
    now = saying("{day} {time}", day=day, time=clock)
    if table.holiday(facts.now):
        now = saying("{day}, a holiday", day=now)
    if included:
        return saying("it is {time}, inside {hours}", time=now, hours=hours)
    return saying("it is {time}, outside {hours}", time=now, hours=hours)


def _load(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadValue(f'"{name}" is not a time zone', "write one like Europe/Warsaw or UTC") from error
