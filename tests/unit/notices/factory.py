"""Mails, notices and claims as the store would hand them over."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.notices.compose import render
from mailguard.notices.settings import NoticeSettings
from mailguard.records import (
    Action,
    AttachmentInfo,
    Delivery,
    Hit,
    Hold,
    Mail,
    Mode,
    NewNotice,
    Notice,
    NoticeClaim,
    NoticeKind,
    State,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # 10:00 in Warsaw
LINK = "https://mailguard.corp.example/m/TOKEN"
MINUTE = timedelta(minutes=1)


def delivery(address: str, state: State = State.HELD, **more: Any) -> Delivery:
    due = NOW + 5 * MINUTE if state is State.QUEUED else None
    return Delivery(Recipient(address), "mx:x", state, **{"due_at": due, **more})


def hold(rule: str = "unexpected-cc", **more: Any) -> Hold:
    return Hold(rule, "pat@client.example is new here", expires_at=NOW + timedelta(hours=8), **more)


def hit(rule: str = "unexpected-cc", **more: Any) -> Hit:
    reason = "pat@client.example has never been on a mail with the others"
    return Hit(rule, Mode.ENFORCE, Action.HOLD, **{"reason": reason, **more})


def mail(*deliveries: Delivery, **more: Any) -> Mail:
    copies = deliveries or (
        delivery("bob@corp.example"),
        delivery("pat@client.example", flagged="never written to", external=True),
    )
    held = any(d.state is State.HELD for d in copies)
    made = Mail(
        queue_id="4F7K2QX",
        envelope=Envelope("ann@corp.example", tuple(d.recipient for d in copies)),
        identity=Identity("ann@corp.example", Proof.LOGIN, "ann"),
        size=1234,
        digest=b"",
        received_at=NOW - 2 * MINUTE,
        edits=(),
        deliveries=copies,
        holds=(hold(),) if held else (),
        hits=(hit(),),
        tags=(),
        rules_hash="",
        message_id="<quote@corp.example>",
        subject="Quote for ACME",
        attachments=(AttachmentInfo("quote.pdf", "application/pdf", 48_000),),
    )
    return replace(made, **more)


def claim(*notices: NewNotice, mails: Mapping[str, Mail]) -> NoticeClaim:
    stored = tuple(Notice(n, notice, NOW) for n, notice in enumerate(notices, 1))
    return NoticeClaim(notices[0].person, stored, mails, 1)


def told(
    kind: NoticeKind,
    about: Mail | None = None,
    *,
    person: str = "ann@corp.example",
    originals: Mapping[str, bytes] | None = None,
    settings: NoticeSettings | None = None,
    **more: Any,
) -> bytes:
    """The bytes of one notice about one mail."""
    mails = {about.queue_id: about} if about else {}
    notice = NewNotice(kind, person, about.queue_id if about else "", **more)
    return render(
        claim(notice, mails=mails),
        links=dict.fromkeys(mails, LINK),
        settings=settings or NoticeSettings(sender="mailguard@corp.example"),
        organization_zone="Europe/Warsaw",
        now=NOW,
        message_id="<n1@mail.corp.example>",
        originals=originals or {},
    )
