"""The store in PostgreSQL, shared by processes on several hosts: its rows and its clock say who has what."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from mailguard import __version__, process
from mailguard.clock import Clock, SystemClock
from mailguard.errors import MailguardError, StoreBroken, TemporaryFailure
from mailguard.locale import saying
from mailguard.records import Actor, Claim, NewMail, NewNotice, Outcome, Reply, Result
from mailguard.store.database import Database
from mailguard.store.nodes import Node
from mailguard.store.postgres import failures, server
from mailguard.store.postgres.bridge import plainly
from mailguard.store.postgres.connection import Connection
from mailguard.store.postgres.lanes import Lanes, Work, drop
from mailguard.store.postgres.lookers import Lookers
from mailguard.store.retention import Retention
from mailguard.store.sealing import PLAIN, Keyring
from mailguard.store.verbs import bodies, claims, joining, mails, pause
from mailguard.store.verbs.codec import instant, micros
from mailguard.store.verbs.store import Verbs

T = TypeVar("T")

_EVER = 1 << 60  # microseconds
_LONGEST_LEASE = timedelta(hours=1)
_REMEMBERED = timedelta(days=1)  # what became of a COMMIT
_SESSIONS_END = 10.0  # seconds at most until a session ends that the database was told to end
_REAL = SystemClock()
_SELF = Actor("mailguard", "store")
_AWAY = saying("The database could not be reached just then; it is tried again.")
_NOT_TOLD = "its client was never told that it was accepted"


class PostgresStore(Verbs):
    """`base.Store` in a PostgreSQL database.

    `callers_clock`: tests' leases go by the time they pass in, not by the database's clock. `on_broken` is called
    when the database is damaged: stop the service.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        callers_clock: bool = False,
        on_broken: Callable[[BaseException], None] | None = None,
        keys: Keyring = PLAIN,
    ) -> None:
        self._keys = keys
        self.url = url
        self.on_broken = on_broken
        self.paused = ""
        # Also the sessions' application_name, of which the server keeps 63 characters.
        self.node = f"{socket.gethostname()[:40]}/{os.getpid()}/{secrets.token_hex(3)}"
        self._process = process.identity()
        self._about: Mapping[str, str] = {}  # what other nodes may know of this one
        self._memory, self._changed, self._missed = ("", 0), _nobody, _nobody
        self._there = frozenset({self.node})  # the nodes at work, as of our last sign of life
        self._ours = 0  # changes: one that another process takes back at once looks as if there was none
        self._doubted = False
        self._clock = clock or SystemClock()
        self._callers_clock = callers_clock
        self._lanes: Lanes | None = None
        self._lookers: Lookers | None = None
        self._beating: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        db = await server.first(self.url, self.node)
        try:
            await server.migrate(db, self.url)
            await self._recognise(db)
            db.keys = self._keys
            await plainly(partial(bodies.refuse_unknown, db))
        except failures.ERRORS as error:
            raise server.refusal(self.url, error) from error
        finally:
            await drop(db)
        connect = partial(server.connect, self.url, self.node, callers_clock=self._callers_clock, keys=self._keys)
        self._lanes = Lanes(connect, self._clock, self._orphaned)
        self._lookers = Lookers(connect)
        await self._beat()
        self._beating = asyncio.create_task(self._beats())

    async def _recognise(self, db: Connection) -> None:
        """A copy of the database has mail in it that the other one sends."""
        here = await server.identity(db)
        known, paused = await db.raw.fetchrow("SELECT id, paused FROM epoch") or ("", "")
        if not known and here:
            await db.raw.execute("UPDATE epoch SET id = $1 WHERE id = ''", here)
        elif here and known != here and not paused:
            await db.raw.execute("UPDATE epoch SET paused = $1", "this store is a copy of another database")

    async def close(self) -> None:
        lanes, lookers = self._lanes, self._lookers
        if lanes is None or lookers is None:
            return
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        with contextlib.suppress(MailguardError):
            await self._write(lambda db: db.run("node_gone", (self.node,)))
        self._lanes = self._lookers = None
        await lanes.close()
        await lookers.close()

    async def _write(self, work: Callable[[Connection], T], *, size: int = 0, **_: bool) -> T:
        if self._lanes is None:
            raise TemporaryFailure("the store is closed")
        return await self._soundly(self._lanes.run(work, size))

    async def _look(self, look: Callable[[Connection], T]) -> T:
        if self._lookers is None:
            raise TemporaryFailure("the store is closed")
        return await self._soundly(self._lookers.run(look))

    async def _soundly(self, what: Awaitable[T]) -> T:
        try:
            return await what
        except StoreBroken as error:
            if self.on_broken is not None:
                self.on_broken(error)
            raise

    # --- a node among others ---

    async def _beats(self) -> None:
        while True:
            await _REAL.sleep(server.BEAT_SECONDS)
            with contextlib.suppress(MailguardError):
                await self._beat()

    async def _beat(self) -> None:
        """Say that we are at work, and hear whether sending was paused, others decided something, or one is gone."""
        ours, before = self._ours, self._there
        (doubt, said), digest, self._there = await self._write(self._sign_of_life)
        self._doubted, self.paused = bool(doubt), doubt or said
        if (digest, ours) != self._memory:
            self._memory = digest, ours
            self._changed()
        if before - self._there:
            self._missed()

    def _sign_of_life(self, db: Connection) -> tuple[tuple[str, str], str, frozenset[str]]:
        now = db.run("clock").fetchall()[0][0]
        about = json.dumps({"version": __version__, "process": self._process, **self._about})
        db.run("node_seen", {"id": self.node, "now": now, "about": about})
        db.run("forget_nodes", (now - _LONGEST_LEASE // timedelta(microseconds=1),))
        there = frozenset(row["id"] for row in db.run("nodes", (server.SILENT,)))
        return self._stopped(db), str(db.run("memory_digest").fetchall()[0][0]), there

    def _stopped(self, db: Database) -> tuple[str, str]:
        """(why this store is in doubt, why a person paused it)"""
        return str(db.run("epoch").fetchall()[0]["paused"]), pause.reason(db)

    async def nodes(self) -> list[Node]:
        rows = await self._look(lambda db: db.run("nodes", (server.SILENT,)).fetchall())
        return [Node(row["id"], instant(row["seen_at"]), _about(row["about"])) for row in rows]

    async def remember(
        self, name: str, value: Mapping[str, Any] | None, *, event: str, by: Actor, now: datetime,
        notices: Sequence[NewNotice] = (),
    ) -> None:  # fmt: skip
        await super().remember(name, value, event=event, by=by, now=now, notices=notices)
        self._ours += 1

    @property
    def at_work(self) -> int:
        return len(self._there)

    async def say(self, about: Mapping[str, str]) -> None:
        self._about = dict(about)
        await self._beat()

    async def secret(self) -> bytes:
        fresh = secrets.token_hex(32)
        rows = await self._write(lambda db: db.run("secret", (fresh,)).fetchall() or db.run("known_secret").fetchall())
        return bytes.fromhex(rows[0]["value"])

    def watch(self, changed: Callable[[], None], gone: Callable[[], None]) -> None:
        self._changed, self._missed = changed, gone

    # --- what is not told in store.verbs ---

    async def put(self, mail: NewMail, now: datetime) -> str:
        return await self._write(_Put(mail, now), size=len(mail.raw))

    def _orphaned(self, work: Work) -> None:
        """It was done although whoever asked heard that it was not.

        A mail comes again, so this one is taken back; a claim that nobody carries is due again.
        """
        if isinstance(work, _Put):
            self._later(self._take_back(work.mail.queue_id))
        elif isinstance(work, _Claim):
            for claim in work.taken:
                self._later(self._due_again(claim))

    async def _take_back(self, queue_id: str) -> None:
        with contextlib.suppress(MailguardError):
            await self._write(lambda db: joining.take_back(db, queue_id, _SELF, self._clock.now(), _NOT_TOLD))

    async def _due_again(self, claim: Claim) -> None:
        now = self._clock.now()
        away = Outcome(Result.DEFERRED, Reply(451, "4.3.2", _AWAY), due_at=now)
        with contextlib.suppress(MailguardError):
            await self.settle(claim, {delivery.id: away for delivery in claim.deliveries}, now)

    def _later(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def claim(
        self,
        worker: str,  # noqa: ARG002 (a node has a name of its own)
        now: datetime,
        *,
        lease: timedelta,
        limit: int,
        per_destination: int,
        skip: Mapping[str, int],
    ) -> list[Claim]:
        def work(db: Connection) -> list[Claim]:
            if any(self._stopped(db)):
                return []
            return claims.claim(db, self.node, now, lease, limit, per_destination, dict(skip))

        return await self._write(_Claim(work))

    async def claim_interrupted(self, worker: str, now: datetime, *, lease: timedelta) -> list[Claim]:  # noqa: ARG002
        def work(db: Connection) -> list[Claim]:
            if any(self._stopped(db)):
                return []
            return claims.claim_interrupted(db, self.node, now, lease)

        return await self._write(_Claim(work))

    async def reclaim(self, now: datetime, *, everything: bool = False) -> int:
        if not everything:
            return await self._write(lambda db: claims.reclaim(db, now, everything=False))
        gone = await self._gone()
        with contextlib.suppress(MailguardError):  # not allowed to, or not PostgreSQL itself: leases run out then
            await self._end_sessions(gone)

        def work(db: Connection) -> int:
            for node in (self.node, *gone):  # a process that begins has nothing on the wire
                db.run("node_gone", (node,))
            back = claims.reclaim(db, now, everything=True)
            self._sign_of_life(db)
            return back

        return await self._write(work)

    async def _gone(self) -> list[str]:
        rows = await self._look(lambda db: db.run("nodes", (_EVER,)).fetchall())
        return [row["id"] for row in rows if server.ended(row["about"])]

    async def _end_sessions(self, gone: Sequence[str]) -> None:
        """What they asked for last may be on its way in the database yet: a claim that no reclaim would see."""
        until = _REAL.monotonic() + _SESSIONS_END
        for node in gone:
            while await self._write(lambda db, node=node: db.run("end_sessions", (node,)).fetchall()):  # type: ignore[misc]
                if _REAL.monotonic() > until:  # then their leases have to run out
                    return
                await _REAL.sleep(0.05)

    async def resume(self, *, by: Actor, now: datetime) -> bool:
        await self._beat()
        if not self.paused:
            return False
        here = ""
        if self._doubted:
            db = await server.connect(self.url, self.node)
            here = await server.identity(db)
            await drop(db)

        def work(db: Connection) -> None:
            pause.end(db, by, now)
            if self._doubted:
                db.run("begin_epoch", (here,))

        await self._write(work)
        self.paused, self._doubted = "", False
        return True

    async def purge(self, now: datetime, keep: Retention) -> int:
        done = await super().purge(now, keep)
        await self._write(lambda db: db.run("sum_up"))
        await self._write(lambda db: db.run("forget_committed", (micros(now - _REMEMBERED),)))
        return done

    @property
    def reserve_spent(self) -> bool:
        return False  # the room is the database's

    async def free_bytes(self) -> int | None:
        return None


def _about(text: str) -> Mapping[str, str]:
    """Without what is only for whoever takes over."""
    return {name: value for name, value in json.loads(text).items() if name != "process"}


def _nobody() -> None:
    """Asked to be told of nothing."""


class _Claim:
    """The work of a claim, and what it took."""

    def __init__(self, take: Callable[[Connection], list[Claim]]) -> None:
        self._take = take
        self.taken: list[Claim] = []

    def __call__(self, db: Connection) -> list[Claim]:
        self.taken = self._take(db)
        return self.taken


class _Put:
    """The work of a put, which can be told from other work."""

    def __init__(self, mail: NewMail, now: datetime) -> None:
        self.mail, self.now = mail, now

    def __call__(self, db: Database) -> str:
        return mails.put(db, self.mail, self.now)
