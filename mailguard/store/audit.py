"""What a store promises about its audit, about programs' tokens, and about telling other systems."""

from collections.abc import AsyncGenerator, Collection, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from mailguard.records import Actor, CallClaim, Erasure, Seal, Span, Token


class AuditStore(Protocol):
    """Append-only, chained, and still able to forget."""

    async def record(
        self, event: str, *, by: Actor, now: datetime, queue_id: str = "", data: Mapping[str, str] | None = None
    ) -> None:
        """An event by itself, of a mail or of none: what a person saw, who signed in, what was loaded."""
        ...

    async def seal(self, now: datetime) -> Seal | None:
        """Chain all events that are not chained yet; the last seal made, None when there was nothing to chain."""
        ...

    def audit(self) -> AsyncGenerator[Span, None]:
        """All of it in order, range by range, and last what is not sealed yet."""
        ...

    async def erase(self, person: str, *, by: Actor, now: datetime, dry_run: bool = False) -> Erasure:
        """Forget a person: mails that have ended and name them, events that name them, what was learnt of them.

        Mails that still wait, for the archive too, stay, and what is under the legal hold of somebody else. Under their
        own nothing goes: UnderLegalHold. What the audit said of them is gone; that it was there goes on being proven.
        """
        ...

    async def add_token(self, token: Token, digest: bytes, *, by: Actor, now: datetime) -> bool:
        """False when one of this name is there."""
        ...

    async def revoke_token(self, name: str, *, by: Actor, now: datetime) -> bool:
        """At once. False when there is none."""
        ...

    async def tokens(self) -> list[Token]:
        """All of them, those that have expired too."""
        ...

    async def token(self, digest: bytes, now: datetime) -> Token | None:
        """Whose it is, while it lasts."""
        ...

    async def set_hooks(self, hooks: Mapping[str, Collection[str]]) -> None:
        """At start: URL → the kinds of event it hears of. What still waited for another URL is forgotten."""
        ...

    async def claim_calls(
        self, now: datetime, *, lease: timedelta, busy: Collection[str], most: int
    ) -> list[CallClaim]:
        """The oldest call of each URL, if it is due and not `busy`; of more than `most` the oldest go."""
        ...

    async def settle_call(self, claim: CallClaim, again: datetime | None = None) -> None:
        """It was heard, or given up; or it is tried again then, and those behind it wait. ClaimLost as for mail."""
        ...
