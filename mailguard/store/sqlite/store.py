"""The embedded store: one process, one file. Each verb is one transaction, told in the module of its noun."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Any, TypeVar, cast

from mailguard.clock import Clock, SystemClock
from mailguard.errors import StoreBroken, StoreFull, TemporaryFailure
from mailguard.records import (
    Actor,
    Capability,
    Claim,
    Curb,
    Decision,
    Event,
    Hold,
    Mail,
    NewMail,
    NewNotice,
    NoticeClaim,
    Outcome,
    Past,
    Receipt,
)
from mailguard.store.base import Counts, Expiry, Filter, Load, Retention
from mailguard.store.sqlite import (
    claims,
    connection,
    curbs,
    epoch,
    expiry,
    links,
    looking,
    mails,
    memory,
    notices,
    past,
    people,
    purge,
)
from mailguard.store.sqlite.readers import Readers
from mailguard.store.sqlite.reserve import Reserve
from mailguard.store.sqlite.writer import Writer

T = TypeVar("T")


class SqliteStore:
    """`base.Store` in one SQLite file.

    `on_broken` is called once, on the loop that opened it, when the file can't be trusted any more: stop the service.
    """

    def __init__(
        self, path: Path, *, clock: Clock | None = None, on_broken: Callable[[BaseException], None] | None = None
    ) -> None:
        self.path = Path(path)
        self.on_broken = on_broken
        self.paused = ""
        self._epoch = epoch.Epoch(self.path)
        self._clock = clock or SystemClock()
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._lock: int | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()

        def broken(error: BaseException) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to stop
                loop.call_soon_threadsafe(self._tell_broken, error)

        await asyncio.to_thread(self._open, broken)

    def _open(self, broken: Callable[[BaseException], None]) -> None:
        connection.prepare(self.path)
        self._lock = connection.lock(self.path)
        reserve = Reserve(self.path)
        try:
            db = self._connect(reserve)
        except BaseException:
            self._unlock()
            raise
        self._writer = Writer(db, self._clock, self._epoch, broken, reserve)
        self._readers = Readers(self.path, self._writer.stop)

    def _connect(self, reserve: Reserve) -> Connection:
        """On a disk that is full already, what was accepted leaves all the same: from the reserve."""
        try:
            db = self._watched()
        except connection.NoRoomError:
            if not reserve.spend():
                raise
            return self._watched()
        reserve.keep()
        return db

    def _watched(self) -> Connection:
        db = connection.connect_writer(self.path)
        try:
            self.paused = epoch.watch(db, self._epoch, self._clock.now())
        except BaseException as error:
            connection.release(db, error)
            if isinstance(error, sqlite3.Error):
                raise connection.refusal(self.path, error) from error
            raise
        return db

    def _tell_broken(self, error: BaseException) -> None:
        if self.on_broken is not None:
            self.on_broken(error)

    async def close(self) -> None:
        writer, readers = self._writer, self._readers
        self._writer = self._readers = None
        if writer is None or readers is None:
            return
        # The writer last: whoever closes last does the checkpoint, and only the writer may.
        await asyncio.to_thread(readers.close, broken=writer.broken)
        await asyncio.to_thread(writer.close)
        self._epoch.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return cast(T, await self._open_writer().run(work))

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise TemporaryFailure("the store is closed")
        return self._writer

    async def _look(self, look: Callable[[Connection], T]) -> T:
        if self._readers is None:
            raise TemporaryFailure("the store is closed")
        return await self._readers.run(look)

    # --- mail in ---

    async def put(self, mail: NewMail, now: datetime) -> None:
        await self._open_writer().run(partial(mails.put, mail=mail, now=now), size=len(mail.raw), new_mail=True)

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
        self, claim: Claim, outcomes: Mapping[int, Outcome], now: datetime, reports: Sequence[NewMail] = ()
    ) -> None:
        await self._write(partial(claims.settle, claim=claim, outcomes=dict(outcomes), now=now, reports=tuple(reports)))

    async def quarantine(self, claim: Claim, hold: Hold, now: datetime) -> None:
        await self._write(partial(claims.quarantine, claim=claim, hold=hold, now=now))

    async def reclaim(self, now: datetime, *, everything: bool = False) -> int:
        return await self._write(partial(claims.reclaim, now=now, everything=everything))

    async def next_due(self, now: datetime) -> datetime | None:  # noqa: ARG002 - other stores need the time
        if self.paused:
            return None
        return await self._look(looking.next_due)

    # --- people ---

    async def send_now(
        self, queue_id: str, *, by: Actor, now: datetime, scope: Collection[str] = (), notices: Sequence[NewNotice] = ()
    ) -> Decision:
        return await self._write(lambda db: people.send_now(db, queue_id, by, now, scope, notices))

    async def approve(
        self, queue_id: str, *, by: Actor, person: str, now: datetime, notices: Sequence[NewNotice] = ()
    ) -> Decision:
        return await self._write(lambda db: people.approve(db, queue_id, by, person, now, notices))

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
        if self.paused:
            return []
        return await self._write(partial(expiry.expire, now=now))

    # --- notices and links ---

    async def notify(self, notices: Sequence[NewNotice], now: datetime) -> None:
        await self._write(lambda db: mails.add_notices(db, notices, now))

    async def claim_notices(
        self, now: datetime, *, lease: timedelta, limit: int, digest_over: int, digest_within: timedelta
    ) -> list[NoticeClaim]:
        if self.paused:
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

    async def open_login(self, digest: bytes, person: str, expires_at: datetime) -> None:
        await self._write(partial(links.open_login, digest=digest, person=person, expires_at=expires_at))

    async def login(self, digest: bytes, now: datetime) -> str | None:
        return await self._look(partial(links.login, digest=digest, now=now))

    async def close_login(self, digest: bytes) -> None:
        await self._write(partial(links.close_login, digest=digest))

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

    async def recall(self, names: str) -> dict[str, dict[str, Any]]:
        return await self._look(partial(memory.recall, names=names))

    # --- a store that may be a copy ---

    async def resume(self, *, by: Actor, now: datetime) -> bool:
        if not self.paused:
            return False
        name, mark = await self._write(partial(epoch.resume, by=by, now=now))
        try:
            await asyncio.to_thread(self._epoch.begin, name, mark)
        except OSError as error:
            raise StoreFull(f"{self._epoch.path} can't be written ({error.strerror}); sending stays paused") from error
        self.paused = ""
        return True

    # --- looking ---

    async def get(self, queue_id: str) -> Mail | None:
        return await self._look(partial(looking.get, queue_id=queue_id))

    async def body(self, queue_id: str) -> AsyncIterator[bytes]:
        number, size = await self._look(partial(looking.size_of, queue_id=queue_id))
        for piece, start in enumerate(range(0, size, mails.CHUNK)):
            data = await self._look(partial(looking.chunk, number=number, piece=piece))
            if data is None:
                raise StoreBroken(f"{queue_id}: its bytes end after {start} of {size}")
            yield data

    async def find(self, what: Filter) -> list[Mail]:
        return await self._look(partial(looking.find, what=what))

    async def receipts(self, since: datetime, most: int) -> list[Receipt]:
        return await self._look(partial(looking.receipts, since=since, most=most))

    async def events(self, queue_id: str) -> list[Event]:
        return await self._look(partial(looking.events, queue_id=queue_id))

    async def facts_for(self, sender: str, addresses: Collection[str], message_ids: Collection[str]) -> Past:
        return await self._look(
            partial(past.facts, sender=sender, addresses=tuple(addresses), message_ids=tuple(message_ids))
        )

    async def counts(self, now: datetime) -> Counts:
        return await self._look(partial(looking.counts, now=now))

    async def load(self, login: str) -> Load:
        return await self._look(partial(looking.load, login=login))

    async def logins(self) -> list[str]:
        return await self._look(looking.logins)

    # --- keeping house ---

    async def purge(self, now: datetime, keep: Retention) -> int:
        done = batch = await self._write(partial(purge.bodies, now=now, keep=keep))
        while batch == purge.BATCH:
            done += (batch := await self._write(partial(purge.bodies, now=now, keep=keep)))
        while await self._write(partial(purge.decisions, now=now, keep=keep)) == purge.BATCH:
            pass
        await self._write(partial(purge.facts, now=now, keep=keep))
        if self._writer is not None:
            await self._writer.truncate()
        return done

    async def free_bytes(self) -> int | None:
        try:
            return shutil.disk_usage(self.path.parent).free
        except OSError:
            return None
