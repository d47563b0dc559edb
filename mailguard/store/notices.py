"""What a store promises about notices, the links in them, and mailed codes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from mailguard.records import Capability, NewNotice, NoticeClaim, Outcome


class NoticeStore(Protocol):
    """How people are reached, and how they are known when they come. Of links and codes only digests."""

    async def notify(self, notices: Sequence[NewNotice], now: datetime) -> None: ...

    async def claim_notices(
        self, now: datetime, *, lease: timedelta, limit: int, digest_over: int, digest_within: timedelta
    ) -> list[NoticeClaim]:
        """Due notices; more than `digest_over` to one person within `digest_within` are gathered into one claim."""
        ...

    async def settle_notice(self, claim: NoticeClaim, outcome: Outcome, now: datetime) -> None:
        """DEFERRED goes again at `outcome.due_at`; FAILED stays countable; ClaimLost as for mail."""
        ...

    async def grant(self, capabilities: Sequence[Capability], now: datetime) -> None: ...

    async def capability(self, digest: bytes) -> Capability | None: ...

    async def set_code(self, subject: str, digest: bytes, expires_at: datetime, now: datetime) -> bool:
        """Store a one-time code's digest for `subject`, replacing an earlier one. False: too many asked for lately."""
        ...

    async def use_code(self, subject: str, digest: bytes, now: datetime) -> bool:
        """True once for the right code; five wrong tries or its time end it."""
        ...
