"""What people may choose for themselves: it makes their mail wait longer, or read otherwise, and weakens no rule."""

from dataclasses import dataclass, replace
from datetime import timedelta

from pydantic import field_validator

from mailguard.document.units import Duration, Section

MOST = timedelta(days=1)


class PreferenceSettings(Section):
    """What people may choose for themselves, on the page /outbox/preferences."""

    language: bool = True
    """The language of what they read."""
    digest: bool = True
    """One mail a day, at an hour they choose, of the notices that ask nothing of them."""
    longest_wait: Duration = timedelta(hours=1)
    """How long, at most, they may have their own mail to outsiders wait; 0s: they may not."""

    as_sent: bool = True
    """A note of what really left, when they had taken recipients off a mail."""

    @field_validator("longest_wait")
    @classmethod
    def _bounded(cls, value: timedelta) -> timedelta:
        if value > MOST:
            raise ValueError("longest_wait is at most 1d: whoever wants a mail to go later says so in their program")
        return value

    @property
    def any(self) -> bool:
        """Whether there is anything to choose."""
        return self.language or self.digest or self.as_sent or bool(self.minutes)

    @property
    def minutes(self) -> int:
        """The longest wait, in whole minutes."""
        return self.longest_wait // timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Preference:
    """What one person chose; the defaults are what everybody has who chose nothing."""

    language: str = ""  # '': as people.yaml, the directory or the organization says
    digest: int | None = None  # the hour, in the organization's zone
    wait: int = 0  # minutes that mail to outsiders waits at least
    as_sent: bool = False  # to be told what really left, after a drop

    def within(self, allowed: PreferenceSettings) -> "Preference":
        """As much of it as is allowed."""
        return replace(
            self,
            language=self.language if allowed.language else "",
            digest=self.digest if allowed.digest else None,
            wait=min(self.wait, allowed.minutes),
            as_sent=self.as_sent and allowed.as_sent,
        )
