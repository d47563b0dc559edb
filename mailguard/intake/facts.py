"""Facts of one mail, gathered once for the rules: what a condition may ask is fetched before it asks."""

from datetime import datetime

from mailguard import history
from mailguard.history.settings import Learn
from mailguard.mail import address
from mailguard.mail.attachments import attachments
from mailguard.mail.envelope import Envelope, Identity
from mailguard.mail.kind import kind
from mailguard.mail.message import Message
from mailguard.mail.text import Text, body_text
from mailguard.people import People
from mailguard.records import Past
from mailguard.rules.facts import Facts


def gather(
    message: Message,
    envelope: Envelope,
    identity: Identity,
    people: People,
    past: Past | None,
    now: datetime,
    learn: Learn,
    needs: frozenset[str],
) -> Facts:
    """Pure. Raises CannotTell when the message can't be read; `needs` are `RuleSet.needs`: costly facts asked for."""
    to, cc, bcc = split_recipients(message, envelope)
    recipients = to + cc + bcc
    marks = kind(message)
    known = past if past is not None and not people.service(identity.address) else None
    others = tuple(key for key in recipients if key != address.key(identity.address))
    return Facts(
        message=message, envelope=envelope, identity=identity, people=people, now=now, to=to, cc=cc, bcc=bcc,
        text=body_text(message) if "text" in needs else Text(),
        subject=message.subject,
        attachments=attachments(message) if "attachments" in needs else (),
        automatic=automatic(message, envelope, identity, people),
        reply=marks.reply, reply_all=marks.reply and len(to) + len(cc) > 1, forward=marks.forward,
        invitation=marks.invitation, signed=marks.signed, encrypted=marks.encrypted, confidential=marks.confidential,
        unexpected=history.unexpected(known, others, learn, now) if known else None,
        first_contact=history.first_contact(known, others, learn, now) if known else None,
    )  # fmt: skip


def split_recipients(message: Message, envelope: Envelope) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The envelope's recipients (keys) as the header places them: To, Cc, and the rest, which is Bcc."""
    on_envelope = dict.fromkeys(map(address.key, envelope.addresses))
    in_to = {address.key(box.address) for box in message.mailboxes("to")}
    in_cc = {address.key(box.address) for box in message.mailboxes("cc")} - in_to
    return (
        tuple(key for key in on_envelope if key in in_to),
        tuple(key for key in on_envelope if key in in_cc),
        tuple(key for key in on_envelope if key not in in_to and key not in in_cc),
    )


def automatic(message: Message, envelope: Envelope, identity: Identity, people: People) -> bool:
    """A service's mail, or a null sender that also says so: a header alone is a bypass anyone can type."""
    if people.service(identity.address):
        return True
    marks = kind(message)
    return not envelope.sender and (marks.auto_header or marks.report)
