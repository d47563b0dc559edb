"""What one message asks of a server, held against what the server offers. Nothing is ever silently taken away."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailguard.courier.content import is_ascii
from mailguard.courier.parcel import Parcel
from mailguard.courier.reply import own
from mailguard.courier.smtp import mailbox
from mailguard.errors import PermanentFailure, SmtpError
from mailguard.locale import N_, saying
from mailguard.mail.envelope import Recipient
from mailguard.records import Outcome, Result

_SIZE = re.compile(r"[0-9]{1,20}")  # RFC 1870 §3; str.isdigit() would let "²" and a page of nines through
_PARAMETER = re.compile(r"[^\x00-\x20\x7f=]+")  # esmtp-value (RFC 5321 §4.1.2), and UTF-8 where that is offered


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands of one transaction; `refused` are recipients that this server can't be given."""

    mail: bytes
    rcpts: Mapping[int, bytes]  # index in the parcel's recipients -> command
    refused: Mapping[int, Outcome]


async def plan(parcel: Parcel, offers: Mapping[str, str]) -> Plan:
    """PermanentFailure (552 5.3.4, 554 5.6.3, 553 5.6.7, 553 5.1.3) when the server can't be given this message."""
    _fits(parcel, offers)
    mail = f"MAIL FROM:{mailbox(parcel.sender)}{await _mail_parameters(parcel, offers)}\r\n".encode()
    rcpts: dict[int, bytes] = {}
    refused: dict[int, Outcome] = {}
    for index, recipient in enumerate(parcel.recipients):
        try:
            rcpts[index] = _rcpt(recipient, offers)
        except SmtpError as error:
            refused[index] = Outcome(Result.FAILED, own(error))
    return Plan(mail, rcpts, refused)


def _fits(parcel: Parcel, offers: Mapping[str, str]) -> None:
    limit = offers.get("size", "")
    if _SIZE.fullmatch(limit) and 0 < int(limit) < parcel.octets:
        words = N_("the mail has {number} bytes, the server takes {limit} at most")
        raise PermanentFailure(words, code=552, enhanced="5.3.4", number=parcel.octets, limit=int(limit))


async def _mail_parameters(parcel: Parcel, offers: Mapping[str, str]) -> str:
    words = [f"SIZE={parcel.octets}"] if "size" in offers else []
    words += await _body(parcel, offers)
    if "smtputf8" in offers:
        if parcel.smtputf8 or not parcel.sender.isascii() or _international(parcel.recipients):
            words.append("SMTPUTF8")
    elif not parcel.sender.isascii() or (parcel.smtputf8 and not parcel.head.isascii()):
        raise _needs_smtputf8(saying("the sender's address or the header"))
    words += ["REQUIRETLS"] if parcel.require_tls else []
    if "dsn" in offers:
        ret = "HDRS" if parcel.ret and parcel.require_tls else parcel.ret  # RFC 8689 §5
        words += [f"RET={ret}"] if ret else []
        words += [f"ENVID={_checked(parcel.envid)}"] if parcel.envid else []
    return "".join(f" {word}" for word in words)


async def _body(parcel: Parcel, offers: Mapping[str, str]) -> list[str]:
    """BODY=8BITMIME if the bytes need it. A streamed body isn't read twice for that: it may need it."""
    if "8bitmime" in offers:
        eightbit = callable(parcel.body) or not await is_ascii(parcel.head, parcel.body)
        return ["BODY=8BITMIME"] if eightbit else []
    if not await is_ascii(parcel.head, parcel.body):
        words = N_("the mail has 8-bit characters, and the server does not take them (no 8BITMIME)")
        raise PermanentFailure(words, code=554, enhanced="5.6.3")
    return []


def _international(recipients: tuple[Recipient, ...]) -> bool:
    return not all(recipient.address.isascii() for recipient in recipients)


def _needs_smtputf8(what: str) -> PermanentFailure:
    words = N_("{what} needs SMTPUTF8, which the server does not offer")
    return PermanentFailure(words, code=553, enhanced="5.6.7", what=what)


def _rcpt(recipient: Recipient, offers: Mapping[str, str]) -> bytes:
    if not recipient.address:
        raise PermanentFailure(N_("the empty address takes no mail"), code=553, enhanced="5.1.3")
    if not recipient.address.isascii() and "smtputf8" not in offers:
        raise _needs_smtputf8(saying("this address"))
    words = f"RCPT TO:{mailbox(recipient.address)}"
    if "dsn" in offers:
        words += f" NOTIFY={_checked(','.join(recipient.notify))}" if recipient.notify else ""
        words += f" ORCPT={_checked(recipient.orcpt)}" if recipient.orcpt else ""
    return f"{words}\r\n".encode()


def _checked(value: str) -> str:
    """A parameter as the client gave it, unless it would end the line or begin another parameter."""
    if not _PARAMETER.fullmatch(value):
        raise PermanentFailure(
            N_("{text} can't be written as a parameter"), code=501, enhanced="5.5.4", text=repr(value)
        )
    return value
