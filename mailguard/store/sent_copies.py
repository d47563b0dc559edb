"""What a store promises about Sent folders that are to be put right."""

from datetime import datetime, timedelta
from typing import Protocol

from mailguard.records import Actor, SentCopyClaim


class SentCopyStore(Protocol):
    """Wanted of every mail of which a recipient was taken off, replaced or hidden, in that commit."""

    async def claim_sent_copy(self, now: datetime, *, lease: timedelta) -> SentCopyClaim | None:
        """One of a mail that has ended, for `lease`; the attempt is counted when it returns."""
        ...

    async def settle_sent_copy(self, claim: SentCopyClaim, outcome: str, *, by: Actor, now: datetime) -> None:
        """Done, or given up; the mail's history has the outcome. Raises ClaimLost."""
        ...

    async def put_off_sent_copy(self, claim: SentCopyClaim, until: datetime) -> None:
        """Again then. Raises ClaimLost."""
        ...
