"""The store's verbs for those who look after the mail of others."""

from datetime import datetime
from functools import partial

from mailguard.records import Actor, Event, Kept, Mail, RuleHold
from mailguard.store.search import Search
from mailguard.store.verbs import codec, pause, search, tallies
from mailguard.store.verbs.running import Runs


class Searching(Runs):
    """As `store.search.SearchStore`."""

    async def search(self, what: Search) -> list[Mail]:
        return await self._look(partial(search.search, what=what))

    async def kept_of(self, queue_id: str) -> Kept | None:
        return await self._look(partial(search.kept_of, queue_id=queue_id))

    async def rule_holds(self, since: datetime) -> list[RuleHold]:
        return await self._look(partial(tallies.rule_holds, since=since))

    async def changes(self, kind: str, limit: int) -> list[Event]:
        return await self._look(lambda db: [codec.event(row, "") for row in db.run("changes", (kind, limit))])

    async def sealed(self) -> tuple[int, datetime] | None:
        row = await self._look(lambda db: db.run("last_seal").fetchone())
        return None if row is None else (row["number"], codec.instant(row["at"]))

    async def pause(self, why: str, *, by: Actor, now: datetime) -> bool:
        if self.paused:
            return False
        self.paused = await self._write(partial(pause.pause, reason=why, by=by, now=now))
        return True
