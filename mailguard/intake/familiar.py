"""Whom a sender writes to, read for each mail that asks; which domains all of us do, read once in a while."""

import asyncio

from mailguard.clock import Clock
from mailguard.mail.domains import Domains
from mailguard.records import Familiar
from mailguard.store.base import Store

FRESH = 3600.0  # seconds: whom a firm writes to changes slowly, and reading all of it takes a second for millions


class Acquaintances:
    """One for the service."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._ours: Domains | None = None
        self._stale_at = 0.0
        self._reading = asyncio.Lock()

    async def of(self, sender: str) -> Familiar:
        """What is known of this sender (a key), and of everybody here."""
        mine, ours = await asyncio.gather(self._store.written_by(sender), self._domains())
        return Familiar(mine, ours)

    async def _domains(self) -> Domains:
        if self._ours is not None and (self._fresh or self._reading.locked()):
            return self._ours
        async with self._reading:
            if self._ours is None or not self._fresh:
                self._ours = await asyncio.to_thread(Domains, await self._store.written_domains())
                self._stale_at = self._clock.monotonic() + FRESH
            return self._ours

    @property
    def _fresh(self) -> bool:
        return self._clock.monotonic() < self._stale_at
