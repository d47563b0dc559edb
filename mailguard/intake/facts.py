"""Facts of one mail for the rules: who and when at once, what it says and what the past says when a rule asks."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from mailguard import history
from mailguard.errors import CannotTell
from mailguard.history.settings import Learn
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Identity, Proof
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.people import People
from mailguard.records import Known, Past
from mailguard.rules.facts import Facts


class Standing:
    """How the recipients stand with the sender."""

    def __init__(self, past: Past | None, recipients: tuple[str, ...], learn: Learn, now: datetime) -> None:
        self._past, self._recipients, self._learn, self._now = past, recipients, learn, now

    @cached_property
    def unexpected(self) -> Mapping[str, str] | None:
        return history.unexpected(self._past, self._recipients, self._learn, self._now) if self._past else None

    @cached_property
    def first_contact(self) -> Mapping[str, str] | None:
        return history.first_contact(self._past, self._recipients, self._learn, self._now) if self._past else None


def gather(
    message: Message | Reading,
    envelope: Envelope,
    identity: Identity,
    people: People,
    known: Known,
    now: datetime,
    learn: Learn,
) -> Facts:
    """Pure. Raises CannotTell when the mail's header or its parts can't be made out."""
    reading = message if isinstance(message, Reading) else Reading(message)
    reading.message.parts()
    if reading.message.torn:
        raise CannotTell("its header breaks off at a line that is no field, and goes on behind it")
    to, cc, bcc = split_recipients(reading.message, envelope)
    past = None if people.service(identity.address) else known.past
    others = tuple(key for key in to + cc + bcc if key != address.key(identity.address))
    return Facts(
        reading=reading, envelope=envelope, identity=identity, people=people, now=now, to=to, cc=cc, bcc=bcc,
        automatic=automatic(reading, envelope, identity, people), standing=Standing(past, others, learn, now),
        known=known,
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


def automatic(reading: Reading, envelope: Envelope, identity: Identity, people: People) -> bool:
    """A service's mail, or a null sender that also says so: a header alone is a bypass anyone can type."""
    if people.service(identity.address) and _alone(reading.message, envelope, identity):
        return True
    return not envelope.sender and (reading.kind.auto_header or reading.kind.report)


def _alone(message: Message, envelope: Envelope, identity: Identity) -> bool:
    """Whether a service is the only one who speaks. A network proves no address: anybody there can type a From."""
    if identity.proof is Proof.LOGIN:
        return True
    named = {address.key(box.address) for box in message.mailboxes("from", "sender")} | {address.key(envelope.sender)}
    return named <= {address.key(identity.address), ""}
