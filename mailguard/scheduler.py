"""Wakes exactly when something is due, claims it, lets the courier carry it, and settles the outcome."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from mailguard import dsn, retry
from mailguard.clock import Clock
from mailguard.courier import Parcel
from mailguard.errors import ClaimLost, StoreBroken
from mailguard.log import Log
from mailguard.mail import headers
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.metrics import Metrics
from mailguard.records import (
    Action,
    Claim,
    Delivery,
    Hold,
    HoldKind,
    Kind,
    NewMail,
    Outcome,
    Reply,
    Result,
    State,
    Verdict,
)
from mailguard.retry import RetrySettings
from mailguard.store.base import Retention, Store

LEASE = timedelta(minutes=30)  # longer than the slowest phase of a courier (ten minutes at the final dot)
BATCH = 100
LONGEST_NAP = 60.0  # seconds: bounds what a missed wake-up or a jumping wall clock can cost
HOUSEKEEPING = timedelta(hours=1)


class Carrier(Protocol):
    """What the scheduler needs of the courier."""

    async def carry(self, parcel: Parcel) -> tuple[Outcome, ...]: ...

    def destination(self, address: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is on the wire at once."""

    total: int = 100
    per_destination: int = 20


class Scheduler:
    """One task that sleeps until `store.next_due()`, and one task a claim."""

    def __init__(
        self,
        store: Store,
        courier: Carrier,
        clock: Clock,
        log: Log,
        metrics: Metrics,
        *,
        hostname: str,
        bounce_from: str,
        retry_settings: RetrySettings,
        retention: Retention,
        new_id: Callable[[], str],
        post_notices: Callable[[], Awaitable[int]],
        broken: Callable[[BaseException], None],
        limits: Limits | None = None,
    ) -> None:
        self._store, self._courier, self._clock = store, courier, clock
        self._log, self._metrics = log, metrics
        self._hostname, self._bounce_from = hostname, bounce_from
        self._retry, self._retention, self._new_id = retry_settings, retention, new_id
        self._post_notices, self._broken = post_notices, broken
        self._limits = limits or Limits()
        self._woken = asyncio.Event()
        self._busy: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop_task: asyncio.Task[None] | None = None
        self._swept: datetime | None = None
        self._worker = f"{hostname}:{random.getrandbits(32):08x}"

    def wake(self) -> None:
        """Something changed: look again now."""
        self._woken.set()

    async def start(self) -> None:
        """Take back what an earlier process left `sending`, then begin."""
        await self._store.reclaim(self._clock.now(), everything=True)
        self._loop_task = asyncio.create_task(self._run(), name="scheduler")

    async def stop(self, drain: float) -> None:
        """Claim nothing more; give what is on the wire `drain` seconds to end."""
        if self._loop_task:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                worked = await self._round()
            except StoreBroken as error:
                self._broken(error)
                return
            except Exception as error:
                self._log.failure("scheduler", error)
                worked = False
                await self._nap(1.0)
            if not worked:
                await self._nap(await self._until_due())

    async def _round(self) -> bool:
        """One look at everything that can be due; True when there may be more of it at once."""
        now = self._clock.now()
        for ended in await self._store.expire(now):
            if ended.outcome != "reminded":
                self._metrics.holds.labels(ended.outcome).inc()
                self._log.expired(ended.queue_id, ended.rule, ended.outcome)
        room = self._limits.total - len(self._tasks)
        claims: list[Claim] = []
        if room > 0:
            claims = await self._store.claim(
                self._worker, now, lease=LEASE, limit=min(room, BATCH),
                per_destination=self._limits.per_destination, skip=dict(self._busy),
            )  # fmt: skip
        for claim in claims:
            self._busy[claim.destination] += 1
            self._spawn(self._carry(claim))
        posted = await self._post_notices()
        await self._sweep(now)
        return bool(claims or posted)

    async def _until_due(self) -> float:
        due = await self._store.next_due(self._clock.now())
        if due is None:
            return LONGEST_NAP
        seconds = (due - self._clock.now()).total_seconds()
        # due already, but its destination is at its limit: a finished carry wakes us
        return LONGEST_NAP if seconds <= 0 and self._tasks else min(max(seconds, 0.0), LONGEST_NAP)

    async def _nap(self, seconds: float) -> None:
        waits = {
            asyncio.ensure_future(self._woken.wait()),
            asyncio.ensure_future(self._clock.sleep(seconds)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sweep(self, now: datetime) -> None:
        """Once an hour: expired leases, purge, and the gauges' slow part."""
        if self._swept and now - self._swept < HOUSEKEEPING:
            return
        self._swept = now
        await self._store.reclaim(now)
        await self._store.purge(now, self._retention)

    # one claim
    async def _carry(self, claim: Claim) -> None:
        try:
            await self._attempt(claim)
        except ClaimLost:
            pass  # another attempt owns it now; its outcome counts
        except StoreBroken as error:
            self._broken(error)
        except Exception as error:
            self._log.failure("courier", error)
        finally:
            self._busy[claim.destination] -= 1
            if not self._busy[claim.destination]:
                del self._busy[claim.destination]
            self.wake()

    async def _attempt(self, claim: Claim) -> None:
        parcel = await self._parcel(claim)
        if parcel is None:
            return
        started = self._clock.monotonic()
        first_due = min((d.due_at for d in claim.deliveries if d.due_at), default=None)
        if first_due:
            self._metrics.lag.observe(max(0.0, (self._clock.now() - first_due).total_seconds()))
        results = await self._courier.carry(parcel)
        now = self._clock.now()
        outcomes = {
            delivery.id: self._scheduled(delivery, outcome, now)
            for delivery, outcome in zip(claim.deliveries, results, strict=True)
        }
        report = await self._report(claim, outcomes, now)
        await self._store.settle(claim, outcomes, now, report)
        seconds = self._clock.monotonic() - started
        for delivery in claim.deliveries:
            outcome = outcomes[delivery.id]
            self._metrics.attempts.labels(outcome.result.value).inc()
            if outcome.ambiguous:
                self._metrics.ambiguous.inc()
            self._log.attempted(claim.mail, delivery, outcome, claim.destination, seconds)

    async def _parcel(self, claim: Claim) -> Parcel | None:
        """The bytes to carry, checked against their digest first; None when they had to be set aside."""
        mail = claim.mail
        if claim.raw is not None:
            raw: bytes = claim.raw
            intact = hashlib.sha256(raw).digest() == mail.digest
        else:
            raw, intact = await self._first_chunk(claim)
        if not intact:
            self._log.damaged(mail.queue_id, "stored bytes do not match their digest")
            reason = "The stored mail does not match its checksum; it was not sent."
            await self._store.quarantine(claim, Hold("damaged", reason, HoldKind.DAMAGED), self._clock.now())
            return None
        cut = headers.split(raw)
        envelope = mail.envelope
        body = memoryview(raw)[cut:] if claim.raw is not None else _rest(self._store, mail.queue_id, cut)
        return Parcel(
            destination=claim.destination, sender=envelope.sender,
            recipients=tuple(delivery.recipient for delivery in claim.deliveries),
            head=headers.apply(raw[:cut], mail.edits), body=body, size=mail.size, smtputf8=envelope.smtputf8,
            eightbit=envelope.eightbit, ret=envelope.ret, envid=envelope.envid,
        )  # fmt: skip

    async def _first_chunk(self, claim: Claim) -> tuple[bytes, bool]:
        """A large mail's header (its first chunk), and whether the whole of it is intact."""
        seen, first = hashlib.sha256(), b""
        async for chunk in self._store.body(claim.mail.queue_id):
            first = first or chunk
            seen.update(chunk)
        return first, seen.digest() == claim.mail.digest

    def _scheduled(self, delivery: Delivery, outcome: Outcome, now: datetime) -> Outcome:
        """A deferred outcome with its next attempt, or failed when there is none."""
        if outcome.result is not Result.DEFERRED:
            return outcome
        since = delivery.released_at or now
        due = retry.next_attempt(delivery.attempts, since, now, self._retry, random.uniform(-1, 1))
        if due is None:
            text = f"given up after {delivery.attempts} attempts; the last answer was: {outcome.reply}"
            return replace(outcome, result=Result.FAILED, reply=Reply(550, "5.4.7", text))
        return replace(outcome, due_at=due)

    async def _report(self, claim: Claim, outcomes: Mapping[int, Outcome], now: datetime) -> NewMail | None:
        """The delivery report that commits together with the failures; none for reports and the null sender."""
        mail = claim.mail
        failed = [
            (delivery, outcomes[delivery.id].reply)
            for delivery in claim.deliveries
            if outcomes[delivery.id].result is Result.FAILED and dsn.wanted(delivery, "failed")
        ]
        if not failed or mail.kind is Kind.DSN or not mail.envelope.sender:
            return None
        raw = claim.raw
        if raw is None:
            raw, _ = await self._first_chunk(claim)
        cut = headers.split(raw)
        queue_id = self._new_id()
        content = dsn.report(
            mail=mail, failed=failed, head=headers.apply(raw[:cut], mail.edits),
            body=raw[cut:] if claim.raw is not None else None, reporting_mta=self._hostname,
            sender=self._bounce_from, message_id=f"<{queue_id}@{self._hostname}>", now=now,
        )  # fmt: skip
        return internal_mail(
            queue_id, mail.envelope.sender, content, now, self._courier.destination(mail.envelope.sender)
        )


def internal_mail(queue_id: str, to: str, content: bytes, now: datetime, destination: str) -> NewMail:
    """A report of ours as a mail of its own: null sender, never evaluated, never bounced."""
    recipient = Recipient(to, notify=("NEVER",))
    return NewMail(
        queue_id=queue_id, envelope=Envelope("", (recipient,), smtputf8=not to.isascii()),
        identity=Identity("", Proof.INTERNAL), raw=content, digest=hashlib.sha256(content).digest(), received_at=now,
        edits=(), deliveries=(Delivery(recipient, destination, State.QUEUED, due_at=now),),
        verdict=Verdict(Action.PASS), kind=Kind.DSN, automatic=True,
    )  # fmt: skip


def _rest(store: Store, queue_id: str, skip: int) -> Callable[[], AsyncIterator[bytes]]:
    """A large mail's bytes after its header; called again for every attempt at another host."""

    async def chunks() -> AsyncIterator[bytes]:
        left = skip
        async for chunk in store.body(queue_id):
            yield chunk[left:]
            left = 0

    return chunks
