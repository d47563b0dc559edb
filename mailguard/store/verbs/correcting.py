"""The store's verbs of Sent folders that are to be put right."""

from datetime import datetime, timedelta
from functools import partial

from mailguard.records import Actor, SentCopyClaim
from mailguard.store.verbs import sent_copies
from mailguard.store.verbs.running import Runs


class Correcting(Runs):
    """As `store.sent_copies.SentCopyStore`."""

    async def claim_sent_copy(self, now: datetime, *, lease: timedelta) -> SentCopyClaim | None:
        return await self._write(partial(sent_copies.claim, now=now, lease=lease))

    async def settle_sent_copy(self, claim: SentCopyClaim, outcome: str, *, by: Actor, now: datetime) -> None:
        await self._write(partial(sent_copies.settle, claim=claim, outcome=outcome, by=by, now=now))

    async def put_off_sent_copy(self, claim: SentCopyClaim, until: datetime) -> None:
        await self._write(partial(sent_copies.put_off, claim=claim, until=until))
