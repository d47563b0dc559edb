"""What a store promises about whom people write to."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from mailguard.records import Actor, Habits, Mail, PastMail, Reached


class HabitStore(Protocol):
    """Part of `base.Store`."""

    async def learn_past(self, mails: Sequence[PastMail], reached: Reached | None = None) -> int:
        """Remember mails as sent, and how far their archive was read; how many were new.

        Of an archive nothing that came through here itself: that is learnt when it leaves, or was cancelled.
        """
        ...

    async def unremembered(self, after: int, limit: int) -> tuple[list[tuple[int, Mail, tuple[str, ...]]], int]:
        """Mails behind the number `after` that were sent before anything was remembered, each with its own number and
        who got it (keys); and behind which to go on.
        """
        ...

    async def forget_habits(self, person: str, *, by: Actor, now: datetime) -> None:
        """Erase what is remembered of whom this person (a key) wrote to, and who wrote to them."""
        ...

    async def habits(self, person: str, addresses: Collection[str], after: int = 0) -> Habits:
        """What this person (a key) sent and got, and how known these addresses are here.

        `after`: only mails of which a copy was sent behind `Habits.seen` of an earlier answer.
        """
        ...
