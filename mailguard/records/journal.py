"""What an archive is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailguard.records.mail import Mail


class Fact(StrEnum):
    """What became of one recipient's copy."""

    SENT = "sent"
    DROPPED = "dropped"  # taken off, while the mail went on
    CANCELLED = "cancelled"  # with the whole mail: by a person, a rule or time


@dataclass(frozen=True, slots=True)
class JournalClaim:
    """All that is due of one version of a mail, owned until its lease ends; `fence` proves it."""

    mail: Mail  # with the edits of that version: as it left, or as it was when it was taken back
    facts: Mapping[int, Fact]  # by the delivery's id
    ids: tuple[int, ...]
    created_at: datetime
    attempts: int  # this one included
    fence: int
