"""What is asked of the store, and changes nothing in it."""

from collections.abc import AsyncGenerator, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from mailguard.records import Event, Habits, Heard, Kept, Mail, Past, Receipt, RuleHit, RuleTally, Thread, Waiting
from mailguard.store.base import Counts, Filter, Load
from mailguard.store.verbs import (
    bodies,
    files_sent,
    habits,
    kept,
    looking,
    memory,
    past,
    sketches,
    tallies,
    threads,
    unremembered,
)
from mailguard.store.verbs import person as one_person
from mailguard.store.verbs.running import Looks

_AT_ONCE = 200  # past mails, with everything that is stored of them


class Questions(Looks):
    """Each is one look at what was committed last."""

    async def get(self, queue_id: str) -> Mail | None:
        return await self._look(partial(looking.get, queue_id=queue_id))

    async def of_person(self, person: str) -> list[tuple[str, Mapping[str, Any]]]:
        """All that is kept of this person, but for their mails' bytes: (table, row), as they may see it."""
        return await self._look(lambda db: list(one_person.rows(db, person)))

    async def body(self, queue_id: str) -> AsyncGenerator[bytes, None]:
        number, size = await self._look(partial(looking.size_of, queue_id=queue_id))
        for piece in range(-(-size // bodies.CHUNK)):
            data = await self._look(partial(bodies.piece, number=number, at=piece))
            if data is None:
                return
            yield data

    async def find(self, what: Filter) -> list[Mail]:
        return await self._look(partial(looking.find, what=what))

    async def assisted(self, person: str, limit: int) -> Mapping[str, frozenset[str]]:
        return await self._look(partial(looking.assisted, person=person, limit=limit))

    async def receipts(self, since: datetime, most: int) -> list[Receipt]:
        return await self._look(partial(looking.receipts, since=since, most=most))

    async def events(self, queue_id: str) -> list[Event]:
        return await self._look(partial(looking.events, queue_id=queue_id))

    async def facts_for(self, sender: str, addresses: Collection[str], message_ids: Collection[str]) -> Past:
        return await self._look(
            partial(past.facts, sender=sender, addresses=tuple(addresses), message_ids=tuple(message_ids))
        )

    async def habits(self, person: str, addresses: Collection[str], after: int = 0) -> Habits:
        return await self._look(partial(habits.habits, person=person, addresses=tuple(addresses), after=after))

    async def unremembered(self, after: int, limit: int) -> tuple[list[tuple[int, Mail, tuple[str, ...]]], int]:
        return await self._look(partial(unremembered.unremembered, after=after, limit=limit))

    async def recall(self, names: str) -> dict[str, dict[str, Any]]:
        return await self._look(partial(memory.recall, names=names))

    async def written_by(self, sender: str) -> Mapping[str, int]:
        return await self._look(partial(past.written_by, sender=sender))

    async def written_domains(self) -> Mapping[str, int]:
        return await self._look(past.written_domains)

    async def thread(
        self, sender: str, addresses: Collection[str], message_ids: Collection[str], parent: str
    ) -> Thread | None:
        return await self._look(lambda db: threads.thread(db, sender, addresses, message_ids, parent))

    async def heard(self, passages: Collection[int]) -> tuple[Heard, ...]:
        return await self._look(partial(sketches.heard, passages=tuple(passages)))

    async def waiting(self, sender: str, addresses: Collection[str]) -> tuple[Waiting, ...]:
        return await self._look(partial(sketches.waiting, sender=sender, addresses=tuple(addresses)))

    async def files_sent(self, digests: Collection[bytes]) -> Mapping[bytes, frozenset[str]]:
        return await self._look(partial(files_sent.files_sent, digests=tuple(digests)))

    async def kept(self, since: datetime, until: datetime) -> AsyncGenerator[tuple[Mail, Kept], None]:
        cursor = kept.START
        while True:
            look = partial(kept.kept, since=since, until=until, after=cursor, limit=_AT_ONCE)
            found, cursor = await self._look(look)
            if not found:
                return
            for one in found:
                yield one

    async def tallies(self, since: datetime) -> list[RuleTally]:
        return await self._look(partial(tallies.tallies, since=since))

    async def matches(self, rule: str, since: datetime) -> list[RuleHit]:
        return await self._look(partial(tallies.matches, rule=rule, since=since))

    async def counts(self, now: datetime) -> Counts:
        return await self._look(partial(looking.counts, now=now))

    async def load(self, login: str) -> Load:
        return await self._look(partial(looking.load, login=login))

    async def logins(self) -> list[str]:
        return await self._look(looking.logins)
