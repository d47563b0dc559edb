"""Rows ↔ records. Instants are microseconds, sets and lists are JSON."""

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from mailguard.errors import StoreBroken
from mailguard.locale import sayings
from mailguard.mail.edits import load as load_edits
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.records import (
    Action,
    AttachmentInfo,
    Delivery,
    Event,
    Hit,
    Hold,
    HoldKind,
    Kind,
    Mail,
    Mode,
    NewNotice,
    Notice,
    NoticeKind,
    OnExpiry,
    Power,
    Requires,
    Shorten,
    State,
)
from mailguard.store.database import Row

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_JSON = json.JSONEncoder(separators=(",", ":")).encode  # one encoder, instead of one a value


P = ParamSpec("P")
T = TypeVar("T")


def sound(read: Callable[P, T]) -> Callable[P, T]:
    """SQLite does not notice a flipped bit inside a value: what comes back as no record of ours is a damaged file."""

    @wraps(read)
    def checked(*args: P.args, **named: P.kwargs) -> T:
        try:
            return read(*args, **named)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
            raise StoreBroken("something stored makes no sense: the database is damaged") from error

    return checked


def micros(at: datetime) -> int:
    """An aware instant as microseconds since 1970 in UTC, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def maybe_micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def instant(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def maybe_instant(at: int | None) -> datetime | None:
    return None if at is None else instant(at)


def dump(value: object) -> str:
    return _JSON(value)


def dump_list(values: Sequence[object]) -> str:
    """As `dump`, for what is empty nearly always."""
    return dump(values) if values else "[]"


def dump_set(values: Iterable[str]) -> str:
    return dump(sorted(values)) if values else "[]"


def clean(text: str) -> str:
    """Text that the database can keep: half a surrogate pair (from a broken header) becomes `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def storable(text: str) -> str:
    """As PostgreSQL can keep it: NUL is the one character it has in no text and in no JSON."""
    if "\0" in text or "\\u0000" in text:
        return text.replace("\0", "\ufffd").replace("\\u0000", "\\ufffd")
    return text


def _list(text: str) -> list[Any]:
    return [] if text == "[]" else list(json.loads(text))


@sound
def names(text: str) -> frozenset[str]:
    return frozenset(_list(text))


# --- hits -----------------------------------------------------------------------------------------------------


def dump_hits(some: Sequence[Hit]) -> tuple[str, str]:
    """(the hits, the words they matched), apart: the words go when the mail's bytes go."""
    if not some:
        return "[]", "[]"
    rows = [[h.rule, h.mode, h.action, sayings.dump(h.reason), sorted(h.recipients), h.severity] for h in some]
    return dump(rows), dump([hit.evidence for hit in some])


def hits(text: str, evidence: str = "[]") -> tuple[Hit, ...]:
    words = _list(evidence)
    return tuple(
        Hit(
            rule=rule,
            mode=Mode(mode),
            action=Action(action),
            reason=sayings.load(reason),
            recipients=frozenset(recipients),
            severity=severity,
            evidence=tuple((where, word) for where, word in words[index]) if words else (),
        )
        for index, (rule, mode, action, reason, recipients, severity) in enumerate(_list(text))
    )


def dump_reason(reason: str) -> str:
    return sayings.written(reason)


def load_reason(text: str) -> str:
    return sayings.read(text)


# --- mail -----------------------------------------------------------------------------------------------------


def dump_recipients(recipients: Sequence[Recipient]) -> str:
    return dump([[r.address, r.notify, r.orcpt] for r in recipients])


@sound
def recipients(text: str) -> tuple[Recipient, ...]:
    return tuple(Recipient(address, tuple(notify), orcpt) for address, notify, orcpt in _list(text))


def _envelope(row: Row) -> Envelope:
    return Envelope(
        sender=row["envelope_sender"],
        recipients=recipients(row["recipients"]),
        smtputf8=bool(row["smtputf8"]),
        eightbit=bool(row["eightbit"]),
        ret=row["ret"],
        envid=row["envid"],
        hold_until=maybe_instant(row["hold_until"]),
        require_tls=bool(row["require_tls"]),
    )


@sound
def mail(row: Row, deliveries: Sequence[Delivery], holds: Sequence[Hold], edits: str, evidence: str) -> Mail:
    """A row of `mails`, with what belongs to it; edits and evidence are no longer encrypted."""
    found = hits(row["hits"], evidence)
    reasons = {str(hit.reason): hit.reason for hit in found}
    return Mail(
        queue_id=row["queue_id"],
        envelope=_envelope(row),
        identity=Identity(row["address"], Proof(row["proof"]), row["login"]),
        size=row["size"],
        digest=row["digest"],
        received_at=instant(row["received_at"]),
        edits=load_edits(edits) if edits != "[]" else (),
        deliveries=tuple(_flagged(one, reasons) if one.flagged else one for one in deliveries),
        holds=tuple(holds),
        hits=found,
        tags=tuple(_list(row["tags"])),
        rules_hash=row["rules_hash"],
        kind=Kind(row["kind"]),
        message_id=row["message_id"],
        subject=row["subject"],
        attachments=tuple(AttachmentInfo(*item) for item in _list(row["attachments"])),
        automatic=bool(row["automatic"]),
        purged=row["purged_at"] is not None,
        answers=row["answers"],
        revision=row["revision"],
        inside=tuple(_list(row["inside"])) if row["inside"] != "[]" else (),
    )


def _flagged(one: Delivery, reasons: Mapping[str, str]) -> Delivery:
    """What marks a recipient is what a rule said: kept with the rule's hit as what it is made of."""
    said = reasons.get(one.flagged)
    return one if said is None else replace(one, flagged=said)


@sound
def delivery(row: Row) -> Delivery:
    notify = row["notify"]
    return Delivery(
        recipient=Recipient(row["address"], tuple(notify.split(",")) if notify else (), row["orcpt"]),
        destination=row["destination"],
        state=State(row["state"]),
        due_at=maybe_instant(row["due_at"]),
        shorten=Shorten(row["shorten"]),
        flagged=row["flagged"],
        added=bool(row["added"]),
        visible=bool(row["visible"]),
        external=bool(row["external"]),
        reason=row["reason"],
        id=row["id"],
        attempts=row["attempts"],
        released_at=maybe_instant(row["released_at"]),
        ended_at=maybe_instant(row["ended_at"]),
        last_reply=sayings.unpack(row["last_reply"]),
        behind=row["behind_id"] or "",
    )


@sound
def hold(row: Row) -> Hold:
    return Hold(
        rule=row["rule"],
        reason=load_reason(row["said"]) if row["said"] else row["reason"],
        kind=HoldKind(row["kind"]),
        approvers=tuple(_list(row["approvers"])),
        needed=row["needed"],
        requires=Requires(row["requires"]),
        expires_at=maybe_instant(row["expires_at"]),
        on_expiry=OnExpiry(row["on_expiry"]),
        scope=names(row["scope"]),
        escalate_at=maybe_instant(row["escalate_at"]),
        escalate_to=tuple(_list(row["escalate_to"])),
        by_mail=bool(row["by_mail"]),
        id=row["id"],
        approved_by=tuple(_list(row["approved_by"])),
        resolved_by=row["resolved_by"],
        resolved_at=maybe_instant(row["resolved_at"]),
    )


@sound
def notice(row: Row) -> Notice:
    """A row of `notices_claimed`."""
    new = NewNotice(
        kind=NoticeKind(row["kind"]),
        person=row["person"],
        queue_id=row["queue_id"] or "",
        power=Power(row["power"]),
        scope=names(row["scope"]),
        due_at=instant(row["due_at"]),
        data=json.loads(row["data"]),
    )
    return Notice(id=row["id"], notice=new, created_at=instant(row["created_at"]), attempts=row["attempts"])


@sound
def event(row: Row, queue_id: str) -> Event:
    return Event(instant(row["at"]), row["kind"], queue_id, row["actor"], json.loads(row["data"]))
