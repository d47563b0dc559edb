"""The store's verbs of legal holds."""

from collections.abc import Collection
from datetime import datetime
from functools import partial

from mailguard.records import Actor, LegalHold
from mailguard.store.retention import Retention
from mailguard.store.verbs import legal
from mailguard.store.verbs.running import Runs


class Holding(Runs):
    """As `store.legal.LegalStore`."""

    async def add_legal_hold(self, person: str, *, reason: str, by: Actor, now: datetime) -> bool:
        work = partial(legal.add, person=person, source=legal.COMMAND_LINE, reason=reason, by=by, now=now)
        return await self._write(work)

    async def lift_legal_hold(self, person: str, *, by: Actor, now: datetime) -> bool:
        return await self._write(partial(legal.lift, person=person, source=legal.COMMAND_LINE, by=by, now=now))

    async def configure_legal_holds(self, persons: Collection[str], *, by: Actor, now: datetime) -> None:
        await self._write(partial(legal.configure, persons=persons, by=by, now=now))

    async def legal_holds(self) -> list[LegalHold]:
        return await self._look(legal.holds)

    async def held_back(self, now: datetime, keep: Retention) -> int:
        return await self._look(partial(legal.held_back, now=now, keep=keep))
