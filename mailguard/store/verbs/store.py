"""The store's verbs, each told in the module of its noun. How their transactions are run is each database's own."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from mailguard.mail.envelope import Envelope
from mailguard.mail.headers import Edit
from mailguard.records import (
    Actor,
    Capability,
    Claim,
    Curb,
    Decision,
    Hold,
    NewMail,
    NewNotice,
    NoticeClaim,
    Outcome,
    PastMail,
    Reached,
)
from mailguard.store.base import Expiry
from mailguard.store.retention import Retention
from mailguard.store.verbs import (
    bodies,
    claims,
    curbs,
    erasure,
    expiry,
    habits,
    joining,
    links,
    looking,
    mails,
    memory,
    notices,
    people,
    purge,
    swapping,
)
from mailguard.store.verbs.auditing import Auditing
from mailguard.store.verbs.correcting import Correcting
from mailguard.store.verbs.holding import Holding
from mailguard.store.verbs.journaling import Journaling
from mailguard.store.verbs.questions import Questions
from mailguard.store.verbs.searching import Searching
from mailguard.store.verbs.signing_in import SigningIn


class Verbs(Questions, Searching, Auditing, Journaling, Holding, SigningIn, Correcting):
    """As `base.Store`, but for opening and closing, and what is known of the place."""

    paused: str
    _doubted: bool  # it may be a copy: then nobody is told anything either

    # --- mail in ---

    async def put(self, mail: NewMail, now: datetime) -> str:
        return await self._write(partial(mails.put, mail=mail, now=now), size=len(mail.raw), new_mail=True)

    async def join(self, mail: NewMail, envelope: Envelope, digest: bytes, now: datetime, *, revision: int) -> Decision:
        return await self._write(lambda db: joining.join(db, mail, envelope, digest, revision, now), new_mail=True)

    async def decide(self, mail: NewMail, now: datetime) -> Decision:
        return await self._write(partial(mails.decide, mail=mail, now=now))

    # --- mail out ---

    async def claim(
        self,
        worker: str,
        now: datetime,
        *,
        lease: timedelta,
        limit: int,
        per_destination: int,
        skip: Mapping[str, int],
    ) -> list[Claim]:
        if self.paused:
            return []
        return await self._write(lambda db: claims.claim(db, worker, now, lease, limit, per_destination, dict(skip)))

    async def claim_interrupted(self, worker: str, now: datetime, *, lease: timedelta) -> list[Claim]:
        if self.paused:
            return []
        return await self._write(partial(claims.claim_interrupted, worker=worker, now=now, lease=lease))

    async def renew(self, claim: Claim, now: datetime, lease: timedelta) -> None:
        await self._write(partial(claims.renew, claim=claim, now=now, lease=lease))

    async def settle(
        self, claim: Claim, outcomes: Mapping[int, Outcome], now: datetime, reports: Sequence[NewMail] = (),
        *, as_sent: bool = False,
    ) -> None:  # fmt: skip
        done = dict(outcomes)
        await self._write(lambda db: claims.settle(db, claim, done, now, tuple(reports), as_sent=as_sent))

    async def quarantine(self, claim: Claim, hold: Hold, now: datetime) -> None:
        await self._write(partial(claims.quarantine, claim=claim, hold=hold, now=now))

    async def reclaim(self, now: datetime, *, everything: bool = False) -> int:
        return await self._write(partial(claims.reclaim, now=now, everything=everything))

    async def next_due(self, after: datetime | None = None) -> datetime | None:
        if self._doubted:
            return None
        return await self._look(partial(looking.next_due, after=after))

    # --- people ---

    async def send_now(
        self,
        queue_id: str,
        *,
        by: Actor,
        now: datetime,
        scope: Collection[str] = (),
        notices: Sequence[NewNotice] = (),
        said: str = "",
        revision: int | None = None,
    ) -> Decision:
        return await self._write(lambda db: people.send_now(db, queue_id, by, now, scope, notices, said, revision))

    async def approve(
        self,
        queue_id: str,
        *,
        by: Actor,
        person: str,
        now: datetime,
        notices: Sequence[NewNotice] = (),
        anyones: bool = False,
        said: str = "",
        revision: int | None = None,
    ) -> Decision:
        return await self._write(
            lambda db: people.approve(db, queue_id, by, person, now, notices, anyones, said, revision)
        )

    async def stop(
        self, queue_id: str, *, by: Actor, hold: Hold, now: datetime, notices: Sequence[NewNotice] = ()
    ) -> Decision:
        return await self._write(lambda db: people.stop(db, queue_id, by, hold, now, notices))

    async def cancel(
        self, queue_id: str, *, by: Actor, now: datetime, reason: str = "cancelled", notices: Sequence[NewNotice] = ()
    ) -> Decision:
        return await self._write(lambda db: people.cancel(db, queue_id, by, now, reason, notices))

    async def drop(
        self,
        queue_id: str,
        addresses: Collection[str],
        *,
        by: Actor,
        now: datetime,
        edit_headers: bool,
        if_last: Sequence[NewNotice] = (),
    ) -> Decision:
        return await self._write(lambda db: people.drop(db, queue_id, addresses, by, now, edit_headers, if_last))

    async def hide(
        self, queue_id: str, addresses: Collection[str], *, by: Actor, now: datetime, edits: Sequence[Edit]
    ) -> Decision:
        return await self._write(lambda db: people.hide(db, queue_id, addresses, by, now, edits))

    async def swap(
        self, mail: NewMail, wrong: str, right: str, *, by: Actor, now: datetime, edits: Sequence[Edit]
    ) -> Decision:
        return await self._write(lambda db: swapping.swap(db, mail, wrong, right, by, now, edits))

    async def note(
        self,
        queue_id: str,
        event: str,
        *,
        by: Actor,
        now: datetime,
        data: Mapping[str, str],
        notices: Sequence[NewNotice] = (),
    ) -> Decision:
        return await self._write(lambda db: people.note(db, queue_id, event, by, now, data, notices))

    async def extend(self, queue_id: str, *, by: Actor, until: datetime, now: datetime) -> Decision:
        return await self._write(lambda db: people.extend(db, queue_id, by, until, now))

    async def requeue(self, queue_id: str, *, by: Actor, now: datetime) -> Decision:
        return await self._write(lambda db: people.requeue(db, queue_id, by, now))

    async def bounce(
        self,
        queue_id: str,
        failed: Collection[int],
        *,
        reply: str,
        by: Actor,
        now: datetime,
        reports: Sequence[NewMail] = (),
    ) -> Decision:
        return await self._write(lambda db: people.bounce(db, queue_id, failed, reply, by, now, reports))

    async def curb(self, curb: Curb, *, by: Actor, now: datetime, alerts: Sequence[NewNotice] = ()) -> list[str]:
        return await self._write(lambda db: curbs.curb(db, curb, by, now, alerts))

    async def expire(self, now: datetime) -> list[Expiry]:
        if self._doubted:
            return []
        return await self._write(partial(expiry.expire, now=now))

    # --- notices and links ---

    async def notify(self, notices: Sequence[NewNotice], now: datetime) -> None:
        await self._write(lambda db: mails.add_notices(db, notices, now))

    async def claim_notices(
        self, now: datetime, *, lease: timedelta, limit: int, digest_over: int, digest_within: timedelta
    ) -> list[NoticeClaim]:
        if self._doubted:
            return []
        return await self._write(lambda db: notices.claim(db, now, lease, limit, digest_over, digest_within))

    async def settle_notice(self, claim: NoticeClaim, outcome: Outcome, now: datetime) -> None:
        await self._write(partial(notices.settle, claim=claim, outcome=outcome, now=now))

    async def grant(self, capabilities: Sequence[Capability], now: datetime) -> None:
        await self._write(partial(links.grant, capabilities=capabilities, now=now))

    async def capability(self, digest: bytes) -> Capability | None:
        return await self._look(partial(links.capability, digest=digest))

    async def set_code(self, subject: str, digest: bytes, expires_at: datetime, now: datetime) -> bool:
        return await self._write(lambda db: links.set_code(db, subject, digest, expires_at, now))

    async def use_code(self, subject: str, digest: bytes, now: datetime) -> bool:
        return await self._write(partial(links.use_code, subject=subject, digest=digest, now=now))

    # --- what outlives the process ---

    async def remember(
        self,
        name: str,
        value: Mapping[str, Any] | None,
        *,
        event: str,
        by: Actor,
        now: datetime,
        notices: Sequence[NewNotice] = (),
    ) -> None:
        await self._write(lambda db: memory.remember(db, name, value, event, by, now, notices))

    async def learn_past(self, mails: Sequence[PastMail], reached: Reached | None = None) -> int:
        return await self._write(partial(habits.learn, mails=mails, reached=reached))

    async def forget_habits(self, person: str, *, by: Actor, now: datetime) -> None:
        await self._write(lambda db: erasure.habits_of(db, person, by, now))

    # --- keeping house ---

    async def purge(self, now: datetime, keep: Retention) -> int:
        done = 0
        while old := await self._look(partial(purge.old_bodies, now=now, keep=keep)):
            done += (gone := await self._write(partial(purge.bodies, old=old, now=now)))
            if gone < purge.BATCH:
                break
        await self.seal(now)  # a range at a time: what is forgotten has to be sealed first
        while await self._write(partial(purge.decisions, now=now, keep=keep)) == purge.BATCH:
            pass
        while await self._write(partial(purge.facts, now=now, keep=keep)):
            pass
        while old := await self._look(partial(purge.old_threads, now=now, keep=keep)):
            await self._write(partial(purge.threads, old=old, now=now, keep=keep))
            if len(old) < purge.SLICE:
                break
        await self._write(partial(purge.passing, now=now))
        after: int | None = 0
        for _ in range(bodies.TURNS):
            if after is not None:
                after = await self._write(partial(bodies.seal_anew, after=after))
        return done
