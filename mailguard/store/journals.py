"""What a store promises about telling an archive what left, and what was taken back."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from mailguard.records import Actor, Fact, JournalClaim


class JournalStore(Protocol):
    """A record is made in the commit of each fact, and stays with the mail's bytes until the archive was told."""

    async def set_archive(self, to: str, of: Collection[Fact], *, by: Actor, now: datetime) -> None:
        """At start: whom to tell, and of which facts from now on. Of none: what was not told yet is forgotten."""
        ...

    async def claim_journals(self, now: datetime, *, lease: timedelta, limit: int) -> list[JournalClaim]:
        """What is due: all there is to tell of one version of a mail is one claim. Nothing while `paused`."""
        ...

    async def settle_journal(
        self, claim: JournalClaim, reply: str, now: datetime, again: datetime | None = None
    ) -> None:
        """The archive has it; or it is tried again then. ClaimLost as for mail."""
        ...
