"""When the mail is sent, by the wall clock of a zone."""

from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import PrivateAttr, field_validator, model_validator

from mailguard.document.model import BadValue
from mailguard.records import Match
from mailguard.rules import hours
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition
from mailguard.rules.facts import Facts


@condition("time")
class Time(Condition):
    """Inside or outside some hours of the week."""

    outside: str | None = None
    """Not in these hours, like "Mon-Fri 08:00-18:00"."""
    inside: str | None = None
    """In these hours."""
    zone: str | None = None
    """A time zone like Europe/Warsaw; the organization's when left out."""
    _hours: Any = PrivateAttr()
    _zone: tzinfo = PrivateAttr()

    @field_validator("outside", "inside")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
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
        return self

    def bind(self, binder: Binder) -> None:
        self._hours = hours.parse(self.outside or self.inside)
        self._zone = _load(self.zone or binder.names.people.organization.zone)

    def match(self, facts: Facts) -> Match | None:
        included = self._hours.include(facts.now, self._zone)
        return Match(self._said(facts, included)) if included == (self.inside is not None) else None

    def _said(self, facts: Facts, included: bool) -> str:
        local = facts.now.astimezone(self._zone).strftime("%a %H:%M")
        return f"it is {local}, {'inside' if included else 'outside'} {self._hours.text}"

    def miss(self, facts: Facts) -> str:
        return self._said(facts, self._hours.include(facts.now, self._zone))


def _load(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadValue(f'"{name}" is not a time zone', "write one like Europe/Warsaw or UTC") from error
