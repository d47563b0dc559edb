"""One claim from its bytes to its settled outcome."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from mailguard import retry
from mailguard.clock import Clock
from mailguard.courier.parcel import Parcel
from mailguard.courier.pool import Shares
from mailguard.courier.reply import outcome, own, unprotected
from mailguard.courier.signing import signed
from mailguard.dkim.signer import Signer
from mailguard.errors import TemporaryFailure
from mailguard.locale import saying
from mailguard.locale.sayings import counted
from mailguard.log import Log
from mailguard.metrics import Metrics
from mailguard.records import Claim, Delivery, Hold, HoldKind, NewMail, Outcome, Reply, Result
from mailguard.retry import RetrySettings
from mailguard.scheduler.content import Content, leaving, read
from mailguard.scheduler.reports import Reports
from mailguard.store.base import Store
from mailguard.tasks import PATIENCE, patiently

T = TypeVar("T")

LARGE_AT_ONCE = 8  # how many mails too large for a claim are carried at the same time: bounds memory


class Carrier(Protocol):
    """What attempts need of the courier."""

    async def carry(self, parcel: Parcel) -> tuple[Outcome, ...]: ...


class Attempts:
    """Carries claims; the lease gives back what ends here without an outcome."""

    def __init__(
        self, store: Store, courier: Carrier, clock: Clock, log: Log, metrics: Metrics, settings: RetrySettings,
        reports: Reports, wants_record: Callable[[str], bool], signer: Callable[[], Signer] = Signer,
    ) -> None:  # fmt: skip
        """`wants_record`: whether this person wants to be told what really left, after a drop."""
        self._store, self._courier, self._clock = store, courier, clock
        self._log, self._metrics, self._signer = log, metrics, signer
        self._retry, self._reports, self._wants_record = settings, reports, wants_record
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._shares = Shares(LARGE_AT_ONCE // 4)  # a destination that hangs leaves room for the others' large mails

    async def carry(self, claim: Claim) -> None:
        """Raises ClaimLost when another attempt owns the mail by now."""
        if claim.raw is not None:
            intact = hashlib.sha256(claim.raw).digest() == claim.mail.digest
            await self._carry(claim, Content(claim.raw, whole=True), intact)
            return
        async with self._shares.hold(claim.destination, 1), self._large:
            content, intact = await self._patiently(lambda: read(self._store, claim.mail))
            await self._carry(claim, content, intact)

    async def _carry(self, claim: Claim, content: Content, intact: bool) -> None:
        if not intact:
            await self._set_aside(claim)
            return
        started = self._clock.monotonic()
        self._note_lag(claim)
        results = await self._carried(claim, content)
        # failpoint: scheduler.carried
        now = self._clock.now()
        outcomes = {
            delivery.id: self._scheduled(delivery, outcome, now)
            for delivery, outcome in zip(claim.deliveries, results, strict=True)
        }
        reports = self._reports.of(claim, outcomes, bytes(content.raw), now) if _news(outcomes.values()) else []
        await self._settle(claim, outcomes, now, reports)
        seconds = self._clock.monotonic() - started
        for delivery in claim.deliveries:
            self._note(claim, delivery, outcomes[delivery.id], seconds)

    async def _carried(self, claim: Claim, content: Content) -> tuple[Outcome, ...]:
        try:
            parcel = await signed(await self._parcel(claim, content), self._signer(), self._clock.now())
        except TemporaryFailure as error:  # the store's, while a large mail was read
            return (outcome(own(error)),) * len(claim.deliveries)
        results = await self._courier.carry(parcel)
        if not parcel.sender and claim.mail.automatic and all(map(unprotected, results)):
            # better a report that others may read than none (RFC 8689 §5); what a person wrote is none, whoever sent it
            return await self._courier.carry(replace(parcel, require_tls=False))
        return results

    async def _settle(
        self, claim: Claim, outcomes: Mapping[int, Outcome], now: datetime, reports: Sequence[NewMail]
    ) -> None:
        """A full or busy store passes, and has written nothing: what was sent must not be sent again because of it."""
        as_sent = self._wants_record(claim.mail.answers)
        await self._patiently(lambda: self._store.settle(claim, outcomes, now, reports, as_sent=as_sent))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        return await patiently(
            work, TemporaryFailure, PATIENCE, self._clock.sleep, lambda error: self._log.failure("attempt", error)
        )

    async def _set_aside(self, claim: Claim) -> None:
        queue_id = claim.mail.queue_id
        self._log.damaged(queue_id, "stored bytes do not match their digest")
        reason = saying("The stored mail does not match its checksum; it was not sent.")
        hold = Hold("damaged", reason, HoldKind.DAMAGED)
        await self._patiently(lambda: self._store.quarantine(claim, hold, self._clock.now()))

    async def _parcel(self, claim: Claim, content: Content) -> Parcel:
        mail, envelope = claim.mail, claim.mail.envelope
        found = await leaving(self._store, mail, content, self._signer())
        for each in found.removed:
            self._log.signature_removed(mail.queue_id, each.domain, each.selector)
        return Parcel(
            destination=claim.destination, sender=envelope.sender,
            recipients=tuple(delivery.recipient for delivery in claim.deliveries), head=found.head, body=found.body,
            size=found.size, smtputf8=envelope.smtputf8, eightbit=envelope.eightbit, ret=envelope.ret,
            envid=envelope.envid, require_tls=envelope.require_tls, queue_id=mail.queue_id,
        )  # fmt: skip

    def _scheduled(self, delivery: Delivery, outcome: Outcome, now: datetime) -> Outcome:
        """A deferred outcome with its next attempt, or failed when there is none."""
        if outcome.result is not Result.DEFERRED:
            return outcome
        since = delivery.released_at or now
        due = retry.next_attempt(delivery.attempts, since, now, self._retry, random.uniform(-1, 1))
        if due is None:
            text = counted(
                "given up after {number} attempt; the last answer was: {reply}",
                "given up after {number} attempts; the last answer was: {reply}",
                delivery.attempts, reply=outcome.reply.said,
            )  # fmt: skip
            return replace(outcome, result=Result.FAILED, reply=Reply(550, "5.4.7", text, outcome.reply.remote))
        return replace(outcome, due_at=due)

    def _note_lag(self, claim: Claim) -> None:
        due = min((d.due_at for d in claim.deliveries if d.due_at and d.attempts == 1), default=None)
        if due:
            self._metrics.lag.observe(max(0.0, (self._clock.now() - due).total_seconds()))

    def _note(self, claim: Claim, delivery: Delivery, outcome: Outcome, seconds: float) -> None:
        self._metrics.attempts.labels(outcome.result.value).inc()
        if outcome.ambiguous:
            self._metrics.ambiguous.inc()
        self._log.attempted(claim.mail, delivery, outcome, outcome.reply.remote or claim.destination, seconds)


def _news(outcomes: Iterable[Outcome]) -> bool:
    return any(outcome.result is not Result.SENT or outcome.relayed_without_dsn for outcome in outcomes)
