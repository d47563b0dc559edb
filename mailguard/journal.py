"""What an archive is told of one mail: an envelope journal report, as Exchange makes them (MS-XJRNL). Pure.

The envelope's fields come first, one a line, as programs read them; what only mailguard knows comes after a blank line.
The original is the last part, byte for byte as it left, but for the signature that is put on it at departure (DKIM).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from quopri import encodestring

from mailguard.mail.address import key
from mailguard.mail.message import Message
from mailguard.records import Delivery, Event, Fact, JournalClaim, State

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LONGEST = 900  # octets of a line, of the 998 that RFC 5321 allows
_ABOUT_ONE = frozenset({"recipient.dropped", "recipient.replaced"})
_ABOUT_ALL = frozenset({"message.cancelled", "hold.expired"})
_STATES = {
    State.SENT: "Sent", State.FAILED: "Failed", State.SENDING: "Leaving", State.HELD: "Held", State.QUEUED: "Waiting",
}  # fmt: skip
AS_IT_LEFT, AS_IT_WAS = "as it left", "as it was when it was taken back"
DAMAGED = "not attached: the stored bytes do not match their checksum"


def lead(
    claim: JournalClaim, events: Sequence[Event], head: bytes, *, sender: str, to: str, message_id: str, boundary: str,
    now: datetime, damaged: bool = False,
) -> bytes:  # fmt: skip
    """Everything before the original; `head` is its header. `damaged`: there is no original to go with it."""
    text = "".join(f"{line}\n" for line in _lines(claim, events, head, damaged=damaged)).encode()
    mail = claim.mail
    fields = (
        f"From: <{sender}>", f"To: <{to}>", f"Subject: {_subject(mail.subject)}", f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id}", "X-MS-Journal-Report:", "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All", "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{boundary}"', "Content-Transfer-Encoding: 8bit",
        "", f"--{boundary}", "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable", "", "",
    )  # fmt: skip
    kind = "message/global" if mail.envelope.smtputf8 and not head.isascii() else "message/rfc822"
    opening = (
        f"--{boundary}", f"Content-Type: {kind}", 'Content-Disposition: attachment; filename="mail.eml"',
        "Content-Transfer-Encoding: 8bit", "", "",
    )  # fmt: skip
    told = encodestring(text).replace(b"\n", b"\r\n")
    return "\r\n".join(fields).encode() + told + (b"" if damaged else "\r\n".join(opening).encode())


def tail(boundary: str) -> bytes:
    """What ends it."""
    return f"\r\n--{boundary}--\r\n".encode()


def _lines(claim: JournalClaim, events: Sequence[Event], head: bytes, *, damaged: bool) -> Iterator[str]:
    mail, sent = claim.mail, Fact.SENT in claim.facts.values()
    named = Message(head)
    places = {key(box.address): field.title() for field in ("cc", "to") for box in named.mailboxes(field)}
    yield _line("Sender", mail.identity.address or mail.envelope.sender)
    yield _line("Subject", mail.subject)
    yield _line("Message-ID", mail.message_id)
    for d in mail.deliveries:
        if claim.facts.get(d.id) is Fact.SENT:
            yield _line(places.get(key(d.address), "Recipient") if d.visible else "Bcc", d.address)
    yield ""
    yield _line("Queue-ID", mail.queue_id)
    yield _line("Of", ", ".join(sorted(set(claim.facts.values()))))
    yield _line("Envelope-Sender", f"<{mail.envelope.sender}>")
    yield _line("Login", mail.identity.login)
    yield _line("Accepted", _iso(mail.received_at))
    for d in mail.deliveries:
        yield _fate(d, events)
    yield _line("Original", DAMAGED if damaged else AS_IT_LEFT if sent else AS_IT_WAS)


def _fate(d: Delivery, events: Sequence[Event]) -> str:
    """One recipient, when it ended, and by whom or with which answer."""
    at = _iso(d.ended_at) if d.ended_at else ""
    if d.state is State.CANCELLED:
        by = _who(d, events)
        said = (d.address, at, f"by {by}" if by else "", d.reason)
        return _line("Dropped" if d.taken_off else "Cancelled", "; ".join(filter(None, said)))
    added = "added by a rule" if d.added else ""
    return _line(_STATES[d.state], "; ".join(filter(None, (d.address, at, added, str(d.last_reply)))))


def _who(d: Delivery, events: Sequence[Event]) -> str:
    """Whoever took this copy back: what is said of this recipient goes before what is said of the mail."""
    one = [e for e in events if e.kind in _ABOUT_ONE and key(e.data.get("address", "")) == key(d.address)]
    found = one or [e for e in events if e.kind in _ABOUT_ALL]
    return found[-1].actor if found else ""


def _line(name: str, value: str) -> str:
    """Nothing in a foreign text may begin a new line."""
    plain = _CONTROL.sub(" ", f"{name}: {value}").strip()
    return plain.encode()[:_LONGEST].decode("utf-8", "ignore")


def _subject(text: str) -> str:
    text = _CONTROL.sub(" ", text).strip()
    charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"  # never decoded a second time
    return Header(text, charset, maxlinelen=76, header_name="Subject").encode(linesep="\r\n")


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
