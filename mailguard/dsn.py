"""Delivery reports (RFC 3461, 3464, 6533): what a sender is told when mail failed, is late, or was passed on. Pure."""

import hashlib
import quopri
import re
import textwrap
from collections.abc import Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

from mailguard.records import Delivery, Mail, Reply

LARGEST_RETURNED = 100 * 1024  # bytes; of a larger mail only the header comes back

_NOTIFY = {"failed": "FAILURE", "delayed": "DELAY", "delivered": "SUCCESS", "relayed": "SUCCESS"}
_CLASS = {"failed": "5", "delayed": "4", "delivered": "2", "relayed": "2"}
_SUBJECT = {"failed": "Not delivered", "delayed": "Delayed", "delivered": "Delivered", "relayed": "Passed on"}
_OPENING = {
    "failed": "Your mail could not be delivered to the recipients below, and it is no longer being tried.",
    "delayed": "Your mail has not reached the recipients below yet. It is still being tried; you need do nothing.",
    "delivered": "Your mail was delivered to the recipients below.",
    "relayed": (
        "Your mail was passed on to the server of the recipients below. That server makes no delivery "
        "reports, so this is the last you will hear of it."
    ),
}
_SHOW = "please show this report to your administrator."
_ADVICE = (  # the first prefix of the status that fits
    ("5.1", "Check the address for typing errors, and send the mail again to the right one."),
    ("5.2.2", "The mailbox is full: reach the recipient in another way, or send again later."),
    ("5.3.4", "The mail is too large for that server: send a smaller file, or a link to it."),
    ("5.4.6", f"The mail would go round in circles: {_SHOW}"),
    ("5.4", "The server could not be reached: check the domain for typing errors, or send again later."),
    ("5.6", "That server can't take some of the characters in the mail or the address: send them as a file."),
    ("5.7.10", "The sender asked for TLS on every hop: send it without that, or reach the recipient in another way."),
    ("5.7.30", "The sender asked for TLS on every hop: send it without that, or reach the recipient in another way."),
    ("5.7", f"That server refuses the mail by its rules: ask the recipient in another way, or {_SHOW}"),
    ("5", f"If the reason does not help, {_SHOW}"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_REMOTE = re.compile(r"(?P<name>[^\[\]]+|\[[^\]]*\])\[[^\]]*\](?::\d+)?")


def wanted(delivery: Delivery, action: str) -> bool:
    """Whether the client asked for a report of this `action` (failed, delayed, delivered, relayed) by NOTIFY.

    Without NOTIFY: of failures and delays (RFC 3461 §4.1 leaves delays to us).
    """
    return _NOTIFY[action] in (delivery.recipient.notify or ("FAILURE", "DELAY"))


def report(
    *,
    mail: Mail,
    failed: Sequence[tuple[Delivery, Reply]],
    head: bytes,
    body: bytes | None,
    reporting_mta: str,
    sender: str,
    message_id: str,
    now: datetime,
    action: str = "failed",
    retry_until: datetime | None = None,
) -> bytes:
    """A whole message to the mail's sender, for the null reverse-path. ValueError for mail of the null sender.

    `failed` are the recipients it is about, with the reply that decided. `body` None: too large to be at hand.
    `sender` is the address the report comes from, `message_id` its own, in angle brackets.
    """
    if not mail.envelope.sender:
        raise ValueError("there is no report about mail of the null sender")
    human = _human(mail, failed, action, retry_until)
    status = _status(mail, failed, reporting_mta, now, action, retry_until)
    parts = [_text(human), _machine(status), _original(mail, head, body, action)]
    boundary = _boundary(message_id, parts)
    fields = _fields(mail, sender, message_id, now, action, boundary)
    content = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
    return fields + b"\r\nThis is a delivery report in MIME format.\r\n\r\n" + content + b"--%s--\r\n" % boundary


def _fields(mail: Mail, sender: str, message_id: str, now: datetime, action: str, boundary: bytes) -> bytes:
    threading = []
    if mail.message_id:
        about = _clean(mail.message_id)
        threading = [f"In-Reply-To: {about}", f"References: {about}"]
    lines = [
        f"From: Mail Delivery System <{_clean(sender)}>",
        f"To: <{_clean(mail.envelope.sender)}>",
        f"Subject: {_header(_SUBJECT[action] + (': ' + mail.subject if mail.subject else ''))}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id}",
        *threading,
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        f'\tboundary="{boundary.decode()}"',
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _human(mail: Mail, about: Sequence[tuple[Delivery, Reply]], action: str, until: datetime | None) -> str:
    """What happened, and what to do, for people."""
    lines = [textwrap.fill(_OPENING[action], 76)]
    if action == "delayed" and until is not None:
        lines += ["", f"It will be tried until {format_datetime(until)}."]
    if mail.subject:
        lines += ["", f"Subject: {_clean(mail.subject)}"]
    for delivery, reply in about:
        lines += ["", f"  {_clean(delivery.address)}", *_why(reply, action)]
    return "\n".join([*lines, "", "This report was made by mailguard; nobody reads answers to it.", ""])


def _why(reply: Reply, action: str) -> list[str]:
    who = f"{_clean(reply.remote)} said" if reply.remote else "Reason"
    words = [f"{who}: {_clean(str(reply) if reply.remote else reply.text)}"]
    status = _code(reply, action)
    words += [next((advice for prefix, advice in _ADVICE if status.startswith(prefix)), "")]
    indent = " " * 4
    return [textwrap.fill(line, 76, initial_indent=indent, subsequent_indent=indent) for line in words if line]


def _status(
    mail: Mail,
    about: Sequence[tuple[Delivery, Reply]],
    reporting_mta: str,
    now: datetime,
    action: str,
    until: datetime | None,
) -> str:
    """The fields of RFC 3464 §2.2 and §2.3, one group per recipient."""
    group = [f"Reporting-MTA: dns; {reporting_mta}", f"Arrival-Date: {format_datetime(mail.received_at)}"]
    if mail.envelope.envid:
        group.insert(0, f"Original-Envelope-Id: {_xtext(mail.envelope.envid)}")
    groups = [group]
    for delivery, reply in about:
        recipient = delivery.recipient
        kind = "rfc822" if recipient.address.isascii() else "utf-8"
        group = [f"Original-Recipient: {_xtext(recipient.orcpt)}"] if recipient.orcpt else []
        group += [
            f"Final-Recipient: {kind}; {_clean(recipient.address)}",
            f"Action: {action}",
            f"Status: {_code(reply, action)}",
        ]
        group += _remote(reply)
        group.append(f"Last-Attempt-Date: {format_datetime(now)}")
        group += [f"Will-Retry-Until: {format_datetime(until)}"] if until and action == "delayed" else []
        groups.append(group)
    return "\n".join("".join(f"{_fold(line)}\n" for line in group) for group in groups)


def _remote(reply: Reply) -> list[str]:
    """Only what another server has said is a diagnostic code of type smtp."""
    found = _REMOTE.fullmatch(reply.remote)
    if found is None:
        return []
    return [f"Remote-MTA: dns; {_clean(found['name'])}", f"Diagnostic-Code: smtp; {_clean(str(reply))}"]


def _code(reply: Reply, action: str) -> str:
    """The enhanced code with the class that the action must have (RFC 3464 §2.3.4)."""
    digit = _CLASS[action]
    return digit + (reply.enhanced[1:] if reply.enhanced else ".0.0")


def _text(text: str) -> bytes:
    data = text.replace("\n", "\r\n").encode()
    if data.isascii():
        return b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + data
    return b"Content-Type: text/plain; charset=utf-8\r\n" + _quoted(data)


def _machine(status: str) -> bytes:
    data = status.replace("\n", "\r\n").encode()
    if data.isascii():
        return b"Content-Type: message/delivery-status\r\n\r\n" + data
    # RFC 6533 §3 lets the international form be encoded, so that the report passes servers without 8BITMIME
    return b"Content-Type: message/global-delivery-status\r\n" + _quoted(data)


def _original(mail: Mail, head: bytes, body: bytes | None, action: str) -> bytes:
    """The mail itself when a failure is told, RET and REQUIRETLS allow it and it is not large; else its header."""
    whole = action == "failed" and body is not None and mail.envelope.ret != "HDRS"
    whole = whole and not mail.envelope.require_tls  # as if RET=HDRS was asked for (RFC 8689 §5)
    international = mail.envelope.smtputf8 and not head.isascii()
    if whole and body is not None and len(head) + len(body) <= LARGEST_RETURNED:
        data = head + body
        if international:
            return b"Content-Type: message/global\r\n" + _quoted(data)
        encoding = b"" if data.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
        return b"Content-Type: message/rfc822\r\n" + encoding + b"\r\n" + data
    fields = head.rstrip(b"\r\n") + b"\r\n"
    if international:
        return b"Content-Type: message/global-headers\r\n" + _quoted(fields)
    plain = b"\r\n" + fields if fields.isascii() else _quoted(fields)
    return b"Content-Type: text/rfc822-headers\r\n" + plain


def _quoted(data: bytes) -> bytes:
    """The encoding field, a blank line, and the data in seven bits."""
    encoded = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded


def _boundary(message_id: str, parts: Sequence[bytes]) -> bytes:
    """A delimiter that is in none of the parts; the same for the same report."""
    boundary = hashlib.sha256(message_id.encode()).hexdigest()[:32].encode()
    while any(boundary in part for part in parts):
        boundary = hashlib.sha256(boundary).hexdigest()[:32].encode()
    return boundary


def _clean(text: str) -> str:
    """One line: nothing in a foreign text may begin a new field."""
    return _CONTROL.sub(" ", text).strip()


def _xtext(value: str) -> str:
    """RFC 3461 §4: +3D is an equals sign. Decoded bytes that would end the line are gone."""
    return _clean(_XTEXT.sub(lambda found: chr(int(found[1], 16)), value))


def _header(text: str) -> str:
    """A Subject, RFC 2047-encoded where it must be, folded. What looks encoded already must not be decoded again."""
    text = _clean(text)
    charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"
    return Header(text, charset, header_name="Subject").encode(linesep="\r\n")


def _fold(line: str) -> str:
    return "\n ".join(textwrap.wrap(line, 76, break_long_words=False, break_on_hyphens=False))
