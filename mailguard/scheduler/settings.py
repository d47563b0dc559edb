"""The `archive:` section of mailguard.yaml."""

from pydantic import Field, field_validator

from mailguard.document.units import Section
from mailguard.errors import PermanentFailure
from mailguard.mail import address
from mailguard.records import Fact


class ArchiveSettings(Section):
    """An archive that is told what really left: a journal mail with the envelope, and the mail as it left."""

    to: str
    """The archive's address. Its domain may have a way of its own in next_hop.routes."""
    of: tuple[Fact, ...] = Field(default=(Fact.SENT, Fact.DROPPED, Fact.CANCELLED), min_length=1)
    """Of what: sent, dropped (a recipient taken off), cancelled."""

    @field_validator("to")
    @classmethod
    def _is_address(cls, value: str) -> str:
        try:
            return address.check(value)
        except PermanentFailure:
            raise ValueError(f"{value!r} is not an address: write one like journal@archive.corp.example") from None
