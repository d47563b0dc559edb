"""A mail on its way through intake."""

from dataclasses import dataclass
from datetime import datetime

from mailguard.intake.facts import split_recipients
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Session
from mailguard.mail.headers import Edit
from mailguard.mail.message import LONG_HEAD, Message
from mailguard.mail.reading import Reading
from mailguard.records import Spool

INLINE = 128 * 1024  # bytes: smaller mail is judged on the loop (10 ms if it is all text), larger in a thread


@dataclass(frozen=True, slots=True)
class Letter:
    """What came over SMTP, and what is read of it so far."""

    queue_id: str
    envelope: Envelope
    spool: Spool
    session: Session
    reading: Reading
    now: datetime
    edits: tuple[Edit, ...] = ()  # of a mail stored undecided by an earlier process

    @property
    def message(self) -> Message:
        return self.reading.message

    @property
    def sender(self) -> str:
        """The identity's key."""
        return address.key(self.session.identity.address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The envelope's recipients as keys, each once."""
        return tuple(dict.fromkeys(map(address.key, self.envelope.addresses)))

    @property
    def files(self) -> frozenset[bytes]:
        """The SHA-256 of each attached file."""
        return frozenset(filter(None, self.reading.digests))

    @property
    def small(self) -> bool:
        return len(self.spool.raw) <= INLINE and self.message.head_size <= LONG_HEAD

    @property
    def named(self) -> frozenset[str]:
        """Everybody in To and Cc, as far as the header can be read."""
        try:
            return frozenset(address.key(box.address) for box in self.message.mailboxes("to", "cc"))
        except Exception:
            return frozenset()

    @property
    def visible(self) -> frozenset[str]:
        """Recipients the header names, as far as it can be read; none otherwise, so nobody's Bcc is shown."""
        try:
            to, cc, _ = split_recipients(self.message, self.envelope)
        except Exception:
            return frozenset()
        return frozenset(to + cc)
