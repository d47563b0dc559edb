"""What conditions may ask about one mail. Gathered beforehand (intake), so that a condition stays pure."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from mailguard.mail.attachments import Attachment
from mailguard.mail.envelope import Envelope, Identity
from mailguard.mail.message import Message
from mailguard.mail.text import Text
from mailguard.people import People

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """One version of one mail, the people around it, and its sender's past.

    `to`, `cc` are the header's recipients that are on the envelope too, `bcc` the envelope's that are in neither:
    all as address keys, in order. `unexpected` and `first_contact` map a recipient's key to one sentence why;
    None when the past is not known well enough to say (a condition is then false and `explain` says "not known").
    """

    message: Message
    envelope: Envelope
    identity: Identity
    people: People
    now: datetime
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    text: Text = field(default_factory=Text)
    subject: str = ""
    attachments: tuple[Attachment, ...] = ()
    automatic: bool = False  # a service's, or null sender and Auto-Submitted or a report; a header alone is not enough
    reply: bool = False
    reply_all: bool = False
    forward: bool = False
    invitation: bool = False
    signed: bool = False
    encrypted: bool = False
    confidential: bool = False  # marked: Sensitivity or a label header, or a tag in the subject
    unexpected: Mapping[str, str] | None = None
    first_contact: Mapping[str, str] | None = None
    _memo: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        """What several conditions ask for is made for the first of them: folded text, who is external."""
        if what not in self._memo:
            self._memo[what] = make()
        made: T = self._memo[what]
        return made

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every envelope recipient's key."""
        return self.to + self.cc + self.bcc

    @property
    def sender(self) -> str:
        """The identity's address; the null sender is ''."""
        return self.identity.address
