"""What a hold is when its rule does not say."""

from datetime import timedelta

from pydantic import Field, field_validator

from mailguard.document.units import Duration, Section
from mailguard.records import OnExpiry
from mailguard.rules import hours


class HoldSettings(Section):
    """Defaults of every hold, and of those that an error makes."""

    fallback: str = Field(min_length=3)
    """Who answers for printers, the null sender, and holds whose approver cannot be found."""
    expires: Duration = timedelta(hours=72)
    """How long a held mail waits for its answer."""
    on_expiry: OnExpiry = OnExpiry.RETURN
    """What happens then: return | send | discard."""
    calendar: str | None = None
    """Only these hours of the organization's zone count, like "Mon-Fri 08:00-18:00". Empty: all hours count."""

    @field_validator("calendar")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            hours.parse(value)
        return value

    @field_validator("fallback")
    @classmethod
    def _address(cls, value: str) -> str:
        if "@" not in value.strip("@"):
            raise ValueError(f"{value!r} is not a mail address, like postmaster@corp.example")
        return value
