"""How much of a sender's past must be known before it is used, and how many alarms it may cost."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from mailguard.document.units import Section
from mailguard.history.budget import LEVELS, alarms

Alarms = Annotated[float, BeforeValidator(alarms, json_schema_input_type=str)]


class Learn(Section):
    """Of one sender, before `unexpected` and `first_contact` say anything. Both must be reached."""

    mails: int = Field(default=100, ge=0, le=1_000_000)
    """Mails that were sent."""
    days: int = Field(default=14, ge=0, le=3650)
    """Days since the first of them."""


class Unexpected(Section):
    """What `unexpected` may cost."""

    alarms: Alarms = Field(default=1 / LEVELS["medium"], examples=['"1 in 100 mails"'])
    """Mails of a sender in which somebody is unexpected: "1 in 100 mails", or low (200), medium (100), high (50)."""


class HistorySettings(Section):
    """What mailguard learns from mail that was sent."""

    learn: Learn = Learn()
    """Until then a sender's history is silent: the rules that ask for it do not fire."""
    unexpected: Unexpected = Unexpected()
    """How often somebody may be called unexpected."""
