"""What a hold is when its rule does not say."""

from datetime import datetime, timedelta

from pydantic import Field, field_validator

from mailguard.document.units import Duration, Section
from mailguard.people import Organization, hours
from mailguard.records import OnExpiry


class HoldSettings(Section):
    """Defaults of every hold, and of those that an error makes."""

    fallback: str = Field(min_length=3)
    """Who answers for printers, the null sender, and holds whose approver cannot be found."""
    expires: Duration = timedelta(hours=72)
    """How long a held mail waits for its answer."""
    on_expiry: OnExpiry = OnExpiry.RETURN
    """What happens then: return | send | discard."""
    calendar: str | None = None
    """Only these hours of the organization's zone count, like "Mon-Fri 08:00-18:00", or office. Empty: all count."""

    @field_validator("calendar")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value not in (None, hours.OFFICE):
            hours.parse(value)
        return value

    def after(self, now: datetime, amount: timedelta, organization: Organization) -> datetime:
        """When so much time has passed that counts."""
        if self.calendar == hours.OFFICE and organization.office:
            return organization.office.after(now, amount)
        if self.calendar in (None, hours.OFFICE):
            return now + amount
        return hours.parse(self.calendar).after(now, amount, organization.clock_zone)

    @field_validator("fallback")
    @classmethod
    def _address(cls, value: str) -> str:
        if "@" not in value.strip("@"):
            raise ValueError(f"{value!r} is not a mail address, like postmaster@corp.example")
        return value
