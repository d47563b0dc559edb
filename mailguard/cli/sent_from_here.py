"""Mails that were sent through mailguard before it remembered whose mail goes to whom, as far as it kept them."""

from collections.abc import AsyncIterator
from datetime import datetime

from mailguard.errors import CannotTell
from mailguard.history.said import said
from mailguard.history.signs import Outgoing
from mailguard.intake.ledgers import outgoing
from mailguard.mail import address
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.records import Mail
from mailguard.store.verbs.questions import Questions

_AT_ONCE = 50  # mails
_LARGEST = 1 << 20  # bytes of a mail whose text is read; of a larger one the subject is enough


async def sent_from_here(
    look: Questions, oldest: datetime
) -> AsyncIterator[tuple[int, int, list[tuple[Outgoing, str, int]]]]:
    """How many are done, of how many, and some: the mail, its Message-ID, its number. By sender, each oldest first."""
    order, after = list[tuple[str, int, str, tuple[str, ...]]](), 0
    while True:
        found, last = await look.unremembered(after, _AT_ONCE)
        if last == after:
            break
        order += [
            (address.key(mail.identity.address), number, mail.queue_id, to)
            for number, mail, to in found
            if mail.received_at >= oldest
        ]
        after = last
    order.sort()
    for begin in range(0, len(order), _AT_ONCE):
        some = order[begin : begin + _AT_ONCE]
        mails = [(number, await look.get(queue_id), to) for _, number, queue_id, to in some]
        yield (
            begin + len(some), len(order),
            [(await _mail(look, mail, to), mail.message_id, number) for number, mail, to in mails if mail],
        )  # fmt: skip


async def _mail(look: Questions, mail: Mail, to: tuple[str, ...]) -> Outgoing:
    """With its text while its bytes are kept; then with its subject."""
    sender, at = address.key(mail.identity.address), mail.received_at.timestamp()
    whole = await _bytes(look, mail)
    if whole is not None:
        try:
            read = outgoing(Reading(Message(whole)), mail.envelope, sender, at)
        except (CannotTell, ValueError):
            pass
        else:
            return Outgoing(sender, at, _among(read.to, to), _among(read.cc, to), _among(read.bcc, to), read.said)
    return Outgoing(sender, at, to, said=said(mail.subject, "", ""))


def _among(addresses: tuple[str, ...], to: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in addresses if one in to)


async def _bytes(look: Questions, mail: Mail) -> bytes | None:
    if mail.purged or mail.size > _LARGEST:
        return None
    whole = b"".join([piece async for piece in look.body(mail.queue_id)])
    return whole if len(whole) == mail.size else None
