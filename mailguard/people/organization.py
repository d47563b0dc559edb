"""Whose mail this is: the domains that are ours, and the clock on its walls."""

from functools import cached_property
from zoneinfo import ZoneInfo

from pydantic import Field

from mailguard.document.units import Section
from mailguard.mail.address import a_label, domain
from mailguard.people.calendar import Calendar, Timetable
from mailguard.people.fields import DomainPattern, Zone
from mailguard.people.spelling import Spelling, Spellings


class Organization(Section):
    """Who we are. Everything outside `domains` is external."""

    name: str = Field("", examples=["Corp Example"])
    """What notices and pages call us."""
    domains: tuple[DomainPattern, ...] = Field(min_length=1, examples=["[corp.example]"])
    """Our own domains. Sub-domains count only when they are listed: "*.corp.example"."""
    zone: Zone = "UTC"
    """The time zone for times in rules, notices and pages."""
    calendar: Calendar | None = None
    """Working hours and holidays: what `office` means in rules and holds."""
    addresses: dict[DomainPattern, Spelling] = Field(
        default_factory=dict, examples=["{corp.example: {dots: ignore, plus: ignore}}"]
    )
    """Domains in whose addresses dots, or what follows a plus, do not matter. Big providers are known."""

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(a_label(name) for name in self.domains if not name.startswith("*."))

    @cached_property
    def _endings(self) -> tuple[str, ...]:
        return tuple("." + a_label(name[2:]) for name in self.domains if name.startswith("*."))

    @cached_property
    def office(self) -> Timetable | None:
        """When we work; None when nobody said."""
        return self.calendar.timetable(self.zone) if self.calendar else None

    @cached_property
    def spellings(self) -> Spellings:
        return Spellings(self.addresses)

    def owns(self, address: str) -> bool:
        """Whether the address's domain is one of ours."""
        host = domain(address)
        return host in self._exact or (bool(self._endings) and host.endswith(self._endings))

    @property
    def clock_zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
