"""A mail as JSON, as other programs may rely on it (surface: JSON). Times are RFC 3339 in UTC."""

from datetime import datetime
from typing import Any

from mailguard.records import Decision, Delivery, Event, Hit, Hold, Mail
from mailguard.store.nodes import Node


def mail_json(mail: Mail) -> dict[str, Any]:
    """One object a mail; no body, no token."""
    return {
        "queue_id": mail.queue_id,
        "message_id": mail.message_id,
        "sender": mail.identity.address,
        "subject": mail.subject,
        "size": mail.size,
        "created_at": iso(mail.received_at),
        "state": mail.state.value,
        "rules": _rules(mail),
        "hold": _hold(mail),
        "deliveries": [_delivery(delivery) for delivery in mail.deliveries],
    }


def _rules(mail: Mail) -> list[str]:
    enforced = [hit.rule for hit in mail.hits if hit.mode == "enforce"]
    return list(dict.fromkeys(enforced + [hold.rule for hold in mail.holds]))


def _hold(mail: Mail) -> dict[str, Any] | None:
    """The open holds as one: all of those who must act, and the earliest end."""
    holds = mail.open_holds
    if not holds:
        return None
    first: Hold = min(holds, key=lambda hold: (hold.expires_at is None, hold.expires_at or mail.received_at))
    until = dict.fromkeys(person for hold in holds for person in (hold.approvers or ("sender",)))
    return {"until": list(until), "expires_at": iso(first.expires_at), "on_expiry": first.on_expiry.value}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "address": delivery.address,
        "state": delivery.state.value,
        "due_at": iso(delivery.due_at),
        "attempts": delivery.attempts,
        "flagged": delivery.flagged,
        "added": delivery.added,
        "last_reply": delivery.last_reply,
        "behind": delivery.behind or None,
    }


def hit_json(hit: Hit) -> dict[str, Any]:
    return {"rule": hit.rule, "mode": hit.mode.value, "action": hit.action.name.lower(), "reason": hit.reason}


def event_json(event: Event) -> dict[str, Any]:
    return {"at": iso(event.at), "event": event.kind, "actor": event.actor, "data": dict(event.data)}


def decision_json(queue_id: str, decision: Decision) -> dict[str, Any]:
    """How an action ended, and what the mail still waits for."""
    return {
        "queue_id": queue_id,
        "ending": decision.ending.value,
        "at": iso(decision.at),
        "changed": len(decision.changed),
        "remaining": [{"rule": hold.rule, "until": list(hold.approvers) or ["sender"]} for hold in decision.remaining],
    }


def node_json(node: Node) -> dict[str, Any]:
    return {"name": node.name, "seen": iso(node.seen_at), **node.about}


def iso(instant: datetime | None) -> str | None:
    """RFC 3339, UTC, or None."""
    return instant.isoformat().replace("+00:00", "Z") if instant else None
