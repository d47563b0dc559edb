"""Mails of the past as the model looks at them: from whatever they were kept in, without what nobody here sent."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from mailguard.cli import archive
from mailguard.cli.archive import Bad
from mailguard.cli.common import plain, say
from mailguard.cli.surroundings import Surroundings
from mailguard.clock import SystemClock
from mailguard.errors import CannotTell
from mailguard.history.doubt import MOST
from mailguard.history.signs import Outgoing
from mailguard.intake.ledgers import outgoing
from mailguard.mail import address
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading

LARGEST = 35 << 20  # bytes, where no configuration says it
_NAMED = 20
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)  # a Date of 1970 is a clock that was never set
_AHEAD = timedelta(days=1)  # and one in 2038 is nobody's; but a clock may be a little wrong


@dataclass(frozen=True, slots=True)
class Written:
    """A mail, and what it is known again by."""

    mail: Outgoing
    message_id: str
    digest: bytes


@dataclass
class Taking:
    """What is taken for a mail of our people's, and why the rest is passed over or could not be read."""

    around: Surroundings
    over: Counter[str] = field(default_factory=Counter)
    bad: list[Bad] = field(default_factory=list)
    latest: datetime = field(default_factory=lambda: SystemClock().now() + _AHEAD)

    def scan(self, source: Path) -> Iterator[tuple[int, int, Written]]:
        """How many of a file or folder are done, of how many, and the mail; the oldest first."""
        config = self.around.config
        found, wrong = archive.scan(source, config.smtp.limits.size if config else LARGEST)
        self.bad += wrong
        for done, one in enumerate(found, 1):
            try:
                written = self.take(one.load(), one.at)
            except (ValueError, OSError, CannotTell) as error:
                self.bad.append(Bad(one.name, str(error)))
                continue
            if written:
                yield done, len(found), written

    def take(self, raw: bytes, at: datetime) -> Written | None:
        """None: it is passed over. ValueError, CannotTell."""
        message = Message(raw)
        envelope = archive.envelope(message)
        sender = address.key(envelope.sender)
        if not sender or self.around.people.external(sender):
            self.over[f"that nobody of {self.around.people.organization.name} wrote"] += 1
        elif not _FIRST <= at <= self.latest:
            self.over["with a Date that cannot be"] += 1
        elif len(envelope.recipients) > MOST:
            self.over[f"to more than {MOST} people"] += 1
        else:
            mail = outgoing(Reading(message), envelope, sender, at.timestamp())
            return Written(mail, message.message_id, sha256(raw).digest()) if mail.recipients else None
        return None

    def remarks(self) -> None:
        """On stderr, what was not learnt from."""
        for why, count in sorted(self.over.items()):
            say(f"passed over: {count:,} {why}")
        for one in self.bad[:_NAMED]:
            say(f"not read: {plain(one.name)}: {one.why}")
        if len(self.bad) > _NAMED:
            say(f"not read: {len(self.bad) - _NAMED:,} more")
