"""From a verdict to what is stored: each recipient's delivery, the header edits, and who is told."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from mailguard.mail import address, headers
from mailguard.mail.envelope import Envelope, Recipient, Session
from mailguard.mail.headers import AddCc, Drop, Edit, Hide, Prepend, Remove, RemoveLike, Withheld
from mailguard.mail.message import Message
from mailguard.notices.settings import NoticeSettings
from mailguard.people import People
from mailguard.records import (
    Action,
    AddedCopy,
    Delivery,
    Hit,
    HoldKind,
    Mode,
    NewNotice,
    NoticeKind,
    Power,
    Shorten,
    State,
    Verdict,
)

OURS = "X-Mailguard-"  # fields that only this server may write
_OURS = OURS.lower()


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What one verdict means for one mail."""

    deliveries: tuple[Delivery, ...]
    edits: tuple[Edit, ...]
    notices: tuple[NewNotice, ...]


def edits(message: Message, session: Session, hostname: str, queue_id: str, now: datetime) -> list[Edit]:
    """What every relayed mail gets (RFC 5321 §4.4, RFC 6409 §8): Received, missing Date and Message-ID, no Bcc,
    and nothing that somebody else wrote in our name.
    """
    date = _date(now.replace(microsecond=0))
    source = f"from {session.helo or 'unknown'} ([{_literal(session.peer)}])"
    stamp = f"{source}\r\n\tby {hostname} (mailguard) with {session.protocol}\r\n\tid {queue_id}; {date}"
    made: list[Edit] = [Prepend("Received", stamp)]
    names = message.names
    if "date" not in names:
        made.append(Prepend("Date", date))
    if "message-id" not in names:
        made.append(Prepend("Message-ID", f"<{queue_id}@{hostname}>"))
    made += [Remove(name) for name in ("Bcc", "Resent-Bcc") if name.lower() in names]
    if any(name.startswith(_OURS) for name in names):
        made.append(RemoveLike(OURS))
    return made


@lru_cache(maxsize=2)
def _date(second: datetime) -> str:
    """As a header has it; many mails come in one second."""
    return format_datetime(second)


def _literal(peer: str) -> str:
    return f"IPv6:{peer}" if ":" in peer else peer


@dataclass(frozen=True, slots=True)
class Desired:
    """The mail being arranged, and everything that arranging it looks at."""

    queue_id: str
    envelope: Envelope
    message: Message
    visible: frozenset[str]  # keys in To or Cc
    automatic: bool
    sender: str  # the identity's address
    answers: str  # who is told
    people: People
    destination: Callable[[str], str]
    notices: NoticeSettings
    now: datetime


def arrange(mail: Desired, verdict: Verdict, base: list[Edit]) -> Arrangement:
    """Deliveries, edits and notices for this verdict."""
    flags = _flags(verdict)
    hidden = {address.key(edit.address) for edit in verdict.edits if isinstance(edit, Hide)}
    mail = replace(mail, visible=mail.visible - hidden) if hidden else mail
    deliveries = [
        _delivery(mail, verdict, recipient, flags)
        for recipient in {address.key(r.address): r for r in reversed(mail.envelope.recipients)}.values()
    ][::-1]
    copies = [added for added in verdict.added if not added.notice_only]
    deliveries += [_copy(mail, verdict, added) for added in copies]
    return Arrangement(tuple(deliveries), _edits(mail, verdict, copies, base), _notices(mail, verdict, deliveries))


def _edits(mail: Desired, verdict: Verdict, copies: list[AddedCopy], base: list[Edit]) -> tuple[Edit, ...]:
    """What came in our name goes first, so that a rule may write such a field; then the rules' changes below our own
    trace fields, then the visible copies.
    """
    forged = [edit for edit in base if isinstance(edit, RemoveLike)]
    below: list[Edit] = [*forged, *verdict.edits]
    made = below + [edit for edit in base if not isinstance(edit, RemoveLike)]
    visible = [added for added in copies if added.visible]
    if visible or verdict.edits:
        head = bytes(mail.message.raw[: mail.message.head_size])
        signed = visible and headers.signed(head, "cc")
        made += [Withheld("cc", added.address) if signed else AddCc(added.address) for added in visible]
        if _nobody_named(head, made):
            made.insert(len(below), Prepend("To", "undisclosed-recipients:;"))
    return tuple(made)


def _nobody_named(head: bytes, made: list[Edit]) -> bool:
    """Whether the edits leave a mail without To and Cc, which some servers fill in by themselves."""
    if not any(isinstance(edit, Hide | Drop) for edit in made):
        return False
    rest = Message(headers.apply(head, made))
    return not (rest.raw_fields("to") or rest.raw_fields("cc"))


def _flags(verdict: Verdict) -> dict[str, str]:
    """Which recipients the page marks, and why: those a hold is about, else those a delay is about."""
    enforced = [hit for hit in verdict.hits if hit.mode is Mode.ENFORCE and hit.action is verdict.action]
    flags: dict[str, str] = {}
    for hit in enforced:
        for key in hit.recipients:
            flags.setdefault(key, hit.reason)
    return flags if verdict.action in (Action.HOLD, Action.DELAY) else {}


def _delivery(mail: Desired, verdict: Verdict, recipient: Recipient, flags: dict[str, str]) -> Delivery:
    key = address.key(recipient.address)
    wait = verdict.waits.get(key)
    external, visible = mail.people.external(recipient.address), key in mail.visible
    if key in verdict.dropped:
        return Delivery(
            recipient, mail.destination(recipient.address), State.CANCELLED, visible=visible, external=external,
            reason=f"dropped by {verdict.dropped[key]}",
        )  # fmt: skip
    held = any(hold.covers(key) for hold in verdict.holds)
    times = [mail.now, wait.due_at if wait else mail.now, mail.envelope.hold_until or mail.now]
    return Delivery(
        recipient, mail.destination(recipient.address), State.HELD if held else State.QUEUED,
        due_at=None if held else max(times), shorten=wait.shorten if wait else Shorten.SENDER,
        flagged=flags.get(key, ""), visible=visible, external=external,
    )  # fmt: skip


def _copy(mail: Desired, verdict: Verdict, added: AddedCopy) -> Delivery:
    """An added copy escapes delays, never holds."""
    key = address.key(added.address)
    held = any(hold.covers(key) for hold in verdict.holds)
    latest = max((wait.due_at for wait in verdict.waits.values()), default=mail.now)
    return Delivery(
        Recipient(added.address, notify=("NEVER",)), mail.destination(added.address),
        State.HELD if held else State.QUEUED, due_at=None if held else mail.now if added.now else latest,
        added=True, visible=added.visible, external=mail.people.external(added.address),
        reason=f"added by {added.rule}",
    )  # fmt: skip


def _notices(mail: Desired, verdict: Verdict, deliveries: list[Delivery]) -> tuple[NewNotice, ...]:
    told = [NewNotice(NoticeKind.NOTIFY, to, mail.queue_id) for to in verdict.notify if not _same(to, mail.answers)]
    if verdict.dropped:
        told.append(NewNotice(NoticeKind.DROPPED, mail.answers, mail.queue_id))
    if any(hold.kind is HoldKind.UNDECIDED for hold in verdict.holds):
        return ()  # it will be decided in a moment: nobody is asked yet
    if verdict.holds:
        approvers = dict.fromkeys(person for hold in verdict.holds for person in hold.approvers)
        return (
            NewNotice(NoticeKind.HELD, mail.answers, mail.queue_id),
            *(NewNotice(NoticeKind.APPROVAL, person, mail.queue_id, Power.APPROVER) for person in approvers),
            *told,
        )
    told += [
        NewNotice(NoticeKind.ASSISTANT, added.address, mail.queue_id, Power.ASSISTANT, added.about)
        for added in verdict.added
        if added.assistant and added.about & verdict.waits.keys()
    ]
    if _tell_of_delay(mail, verdict, deliveries):
        told.append(NewNotice(NoticeKind.DELAYED, mail.answers, mail.queue_id))
    return tuple(told)


def _same(one: str, other: str) -> bool:
    return address.key(one) == address.key(other)


def _tell_of_delay(mail: Desired, verdict: Verdict, deliveries: list[Delivery]) -> bool:
    """The admin's choice; `risky` is a delay that a rule asked to be told about, or of high severity."""
    longest = max((d.due_at - mail.now for d in deliveries if d.due_at), default=timedelta())
    if mail.automatic or verdict.action is not Action.DELAY or longest < mail.notices.minimum:
        return False
    if mail.notices.delayed == "risky":
        asked = any(_same(to, mail.sender) for to in verdict.notify)
        return asked or any(_risky(hit) for hit in verdict.hits)
    return mail.notices.delayed == "always"


def _risky(hit: Hit) -> bool:
    return hit.mode is Mode.ENFORCE and hit.action is Action.DELAY and hit.severity == "high"
