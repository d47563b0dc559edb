"""How much of a sender's past must be known before it is used."""

from pydantic import Field

from mailguard.document.units import Section


class Learn(Section):
    """Of one sender, before `unexpected` and `first_contact` say anything. Both must be reached."""

    mails: int = Field(default=100, ge=0, le=1_000_000)
    """Mails that were sent."""
    days: int = Field(default=14, ge=0, le=3650)
    """Days since the first of them."""


class HistorySettings(Section):
    """What mailguard learns from mail that was sent."""

    learn: Learn = Learn()
    """Until then a sender's history is silent: the rules that ask for it do not fire."""
