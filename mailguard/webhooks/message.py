"""What a webhook is told, and how it knows that it was us."""

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime

from mailguard.records import CallClaim
from mailguard.webhooks.settings import Told

KINDS: dict[Told, tuple[str, ...]] = {
    "held": ("message.held", "message.stopped"),
    "released": ("hold.released",),
    "failed": ("delivery.failed", "message.bounced"),
}
"""Events of the audit, by what they are called outside. The store's trigger knows them too."""

_TELLS = {kind: told for told, kinds in KINDS.items() for kind in kinds}
_SAID = ("rule", "kind", "address", "attempt", "smtp_code", "enhanced_code")  # no reason: it may quote the mail


def kinds(events: Iterable[Told]) -> list[str]:
    """The audit's events that a webhook with these hears of."""
    return [kind for told in events for kind in KINDS[told]]


def body(claim: CallClaim, *, subjects: bool) -> bytes:
    """JSON; no text of the mail, and its subject only where the log may show it."""
    event, mail = claim.event, claim.mail
    said: dict[str, object] = {
        "id": claim.id,
        "event": _TELLS[event.kind],
        "kind": event.kind,
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "queue_id": event.queue_id,
        "actor": event.actor,
        "data": {name: event.data[name] for name in _SAID if name in event.data},
    }
    if mail is not None:
        said |= {"message_id": mail.message_id, "sender": mail.identity.address, "size": mail.size}
        said |= {"subject": mail.subject} if subjects else {}
    return json.dumps(said).encode()


def headers(claim: CallClaim, content: bytes, secret: str, now: datetime) -> dict[str, str]:
    """The signature covers the time as well, so that an old call can't be played again."""
    stamp = str(int(now.timestamp()))
    proof = hmac.new(secret.encode(), f"{stamp}.".encode() + content, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "mailguard",
        "Mailguard-Delivery": str(claim.id),
        "Mailguard-Timestamp": stamp,
        "Mailguard-Signature": f"v1={proof}",
    }
