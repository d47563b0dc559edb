"""The `notices:` section of mailguard.yaml."""

import re
from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator

from mailguard.document.units import Duration, Section
from mailguard.locale import Name

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class Digest(Section):
    """When many notices to one person become one mail."""

    over: int = Field(default=3, ge=1)
    """More notices than this, to one person, are gathered into one."""
    within: Duration = timedelta(minutes=2)
    """How close together they must be."""


class NoticeSettings(Section):
    """The mails that people get from mailguard."""

    sender: str
    """The address notices come from; nobody may send as it."""
    answers: bool = True
    """Whether answers to notices are read: mail to `sender` goes to nobody then."""
    language: Name = "en"
    """The language of notices and pages."""
    delayed: Literal["always", "risky", "never"] = "risky"
    """Whether a mail that only waits is worth a notice; risky: when a recipient was flagged."""
    minimum: Duration = timedelta(minutes=2)
    """Waits shorter than this are not told."""
    digest: Digest = Digest()
    """Bursts become one mail."""
    preview: Literal["full", "minimal"] = "full"
    """`minimal`: notices name no subject, no person and no reason; the page behind the link does."""

    @field_validator("sender")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if _ADDRESS.fullmatch(value) is None or len(value) > 254:  # noqa: PLR2004 - RFC 5321 §4.5.3.1.3
            raise ValueError(f"{value!r} is not an address: write one of your own, like mailguard@corp.example")
        return value
