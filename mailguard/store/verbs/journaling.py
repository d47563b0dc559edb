"""The archive's verbs of the store."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial

from mailguard.records import Actor, Fact, JournalClaim
from mailguard.store.verbs import journals
from mailguard.store.verbs.running import Runs


class Journaling(Runs):
    """As `store.journals.JournalStore`."""

    async def set_archive(self, to: str, of: Collection[Fact], *, by: Actor, now: datetime) -> None:
        await self._write(partial(journals.set_archive, to=to, of=of, by=by, now=now))

    async def claim_journals(self, now: datetime, *, lease: timedelta, limit: int) -> list[JournalClaim]:
        if self.paused:
            return []
        return await self._write(partial(journals.claim, now=now, lease=lease, limit=limit))

    async def settle_journal(
        self, claim: JournalClaim, reply: str, now: datetime, again: datetime | None = None
    ) -> None:
        await self._write(partial(journals.settle, claim=claim, reply=reply, again=again, now=now))
