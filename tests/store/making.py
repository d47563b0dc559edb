"""Mail for the store's tests, and the two or three things that every one of them does with it."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.records import (
    Action,
    Actor,
    Claim,
    Delivery,
    Hold,
    HoldKind,
    NewMail,
    OnExpiry,
    Outcome,
    Reply,
    Result,
    State,
    Verdict,
    Wait,
)
from mailguard.store.base import Store
from mailguard.testing import MONDAY

NOW = MONDAY
LEASE = timedelta(minutes=5)
ANN = Actor("ann@corp.example", "link")
ADMIN = Actor("uid 0", "cli")
OK = Outcome(Result.SENT, Reply(250, "2.0.0", "ok"))
NO = Outcome(Result.FAILED, Reply(550, "5.1.1", "no such user"))


def later(minutes: float = 0, **kwargs: float) -> datetime:
    return NOW + timedelta(minutes=minutes, **kwargs)


def deferred(until: datetime) -> Outcome:
    return Outcome(Result.DEFERRED, Reply(451, "4.3.0", "not now"), due_at=until)


def mail(
    queue_id: str = "Q1",
    to: Sequence[str] = ("bob@client.example",),
    *,
    raw: bytes | bytearray = b"Subject: Quote\r\n\r\nHello\r\n",
    holds: Sequence[Hold] = (),
    delay: float = 0,
    destination: str = "hop.example:25",
    hold_until: datetime | None = None,
    sender: str = "ann@corp.example",
    per: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> NewMail:
    """One mail; `delay` in minutes for all, `per` address for what is special about one delivery."""
    recipients = tuple(Recipient(address) for address in to)
    due = later(delay) if delay else None
    asked = per or {}
    deliveries = tuple(
        Delivery(
            r, **({"destination": destination, "state": State.QUEUED, "due_at": due} | dict(asked.get(r.address, {})))
        )
        for r in recipients
    )
    verdict = Verdict(
        Action.HOLD if holds else Action.DELAY if delay else Action.PASS,
        waits={address: Wait(later(delay), "external-delay") for address in to} if delay else {},
        holds=tuple(holds),
        rules_hash="h1",
    )
    return NewMail(
        queue_id=queue_id,
        envelope=Envelope(sender, recipients, hold_until=hold_until),
        identity=Identity(sender, Proof.LOGIN, sender.partition("@")[0]),
        raw=raw,
        digest=hashlib.sha256(raw).digest(),
        received_at=more.pop("received_at", NOW),
        edits=more.pop("edits", ()),
        deliveries=deliveries,
        verdict=more.pop("verdict", verdict),
        message_id=more.pop("message_id", f"<{queue_id}@corp.example>"),
        subject=more.pop("subject", "Quote"),
        **more,
    )


def hold(rule: str = "confidential-outside", **more: Any) -> Hold:
    return Hold(rule, more.pop("reason", "a confidential word"), **more)


def stopped(**more: Any) -> Hold:
    return Hold(
        "", "stopped by ann", kind=HoldKind.STOPPED, expires_at=later(24 * 60), on_expiry=OnExpiry.RETURN, **more
    )


async def claim(store: Store, now: datetime = NOW, limit: int = 100, **more: Any) -> list[Claim]:
    asked: dict[str, Any] = {"lease": LEASE, "per_destination": 20, "skip": {}} | more
    return await store.claim("worker", now, limit=limit, **asked)


async def settle(store: Store, one: Claim, outcome: Outcome = OK, now: datetime = NOW, **more: Any) -> None:
    await store.settle(one, {d.id: outcome for d in one.deliveries}, now, **more)


async def carry(store: Store, now: datetime = NOW, outcome: Outcome = OK) -> list[Claim]:
    """Carry away all that is due."""
    claims = await claim(store, now)
    for one in claims:
        await settle(store, one, outcome, now)
    return claims


async def states(store: Store, queue_id: str = "Q1") -> dict[str, State]:
    found = await store.get(queue_id)
    assert found is not None
    return {d.address: d.state for d in found.deliveries}


async def state(store: Store, queue_id: str = "Q1") -> State:
    """The state that all deliveries are in."""
    (only,) = set((await states(store, queue_id)).values())
    return only


async def body(store: Store, queue_id: str = "Q1") -> bytes:
    return b"".join([piece async for piece in store.body(queue_id)])


async def kinds(store: Store, queue_id: str = "Q1") -> list[str]:
    return [event.kind for event in await store.events(queue_id)]
