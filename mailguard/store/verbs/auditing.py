"""The audit's verbs of the store."""

from collections.abc import AsyncGenerator, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial

from mailguard.records import Actor, CallClaim, Erasure, Seal, Span, Token
from mailguard.store.database import Database
from mailguard.store.verbs import calls, chain, erasure, mails, programs
from mailguard.store.verbs.running import Runs

_WHY = "a person was erased"


class Auditing(Runs):
    """As `store.audit.AuditStore`."""

    async def record(
        self, event: str, *, by: Actor, now: datetime, queue_id: str = "", data: Mapping[str, str] | None = None
    ) -> None:
        def work(db: Database) -> None:
            number = mails.mail_id(db, queue_id) if queue_id else None
            mails.event(db, number, now, event, by, data or {})

        await self._write(work)

    async def seal(self, now: datetime) -> Seal | None:
        last = None
        while made := await self._write(partial(chain.seal, now=now)):
            last = made
        return last

    async def audit(self) -> AsyncGenerator[Span, None]:
        await self._write(lambda db: db.number_events())
        one = await self._look(partial(chain.span, after=0))
        while one.seal or one.records:
            yield one
            after, tail = chain.after(one)
            one = await self._look(partial(chain.span, after=after, tail=tail))

    async def erase(self, person: str, *, by: Actor, now: datetime, dry_run: bool = False) -> Erasure:
        await self._write(lambda db: db.number_events())
        found = await self._look(partial(erasure.traces, person=person))
        what = Erasure(len(found.mails), found.records, found.waiting, found.held)
        if dry_run:
            return what
        await self.seal(now)  # a range at a time: what is forgotten has to be sealed first
        for start in range(0, len(found.mails), erasure.BATCH):
            some = found.mails[start : start + erasure.BATCH]
            await self._write(partial(erasure.forget, mails=some, events=(), why=_WHY, by=by, now=now, person=person))
        await self._write(
            partial(erasure.forget, mails=(), events=found.events, why=_WHY, by=by, now=now, person=person)
        )
        await self._write(partial(erasure.forget_facts, person=person, by=by, now=now))
        await self._forget_words()
        return what

    async def _forget_words(self) -> None:
        """Of mails that are gone."""

    async def add_token(self, token: Token, digest: bytes, *, by: Actor, now: datetime) -> bool:
        return await self._write(partial(programs.add, token=token, digest=digest, by=by, now=now))

    async def revoke_token(self, name: str, *, by: Actor, now: datetime) -> bool:
        return await self._write(partial(programs.revoke, name=name, by=by, now=now))

    async def tokens(self) -> list[Token]:
        return await self._look(programs.known)

    async def token(self, digest: bytes, now: datetime) -> Token | None:
        return await self._look(partial(programs.token, digest=digest, now=now))

    async def set_hooks(self, hooks: Mapping[str, Collection[str]]) -> None:
        await self._write(partial(calls.set_hooks, hooks=hooks))

    async def claim_calls(
        self, now: datetime, *, lease: timedelta, busy: Collection[str], most: int
    ) -> list[CallClaim]:
        if self.paused:
            return []
        return await self._write(partial(calls.claim, now=now, lease=lease, busy=busy, most=most))

    async def settle_call(self, claim: CallClaim, again: datetime | None = None) -> None:
        await self._write(partial(calls.settle, claim=claim, again=again))
