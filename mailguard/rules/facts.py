"""What conditions may ask about one mail: pure to ask, and read no earlier than somebody does."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from mailguard.mail.attachments import Attachment
from mailguard.mail.envelope import Envelope, Identity
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.mail.text import Text
from mailguard.people import People

T = TypeVar("T")


class Standing(Protocol):
    """How the recipients stand with the sender. None: the past is not known well enough to say."""

    @property
    def asked(self) -> bool:
        """Whether a condition has wanted to know."""
        ...

    @property
    def unexpected(self) -> Mapping[str, str] | None:
        """Those who stand out, by key, each with one sentence why."""
        ...

    @property
    def first_contact(self) -> Mapping[str, str] | None:
        """Those never written to, by key, each with one sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """One version of one mail, the people around it, and its sender's past.

    `to`, `cc` are the header's recipients that are on the envelope too, `bcc` the envelope's that are in neither:
    all as address keys, in order. What the mail says is in `reading`; asking for it may raise CannotTell. While
    `unexpected` and `first_contact` are None, a condition is false and `explain` says "not known".
    """

    reading: Reading
    envelope: Envelope
    identity: Identity
    people: People
    now: datetime
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    standing: Standing
    automatic: bool = False  # a service's, or null sender and Auto-Submitted or a report; a header alone is not enough
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

    # --- what it says ---
    @property
    def message(self) -> Message:
        return self.reading.message

    @property
    def subject(self) -> str:
        return self.reading.message.subject

    @property
    def text(self) -> Text:
        return self.reading.text

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        return self.reading.attachments

    # --- what kind it is: claims, each of which anybody can type ---
    @property
    def reply(self) -> bool:
        return self.reading.kind.reply

    @property
    def reply_all(self) -> bool:
        return self.reading.kind.reply and len(self.to) + len(self.cc) > 1

    @property
    def forward(self) -> bool:
        return self.reading.kind.forward

    @property
    def invitation(self) -> bool:
        return self.reading.kind.invitation

    @property
    def signed(self) -> bool:
        return self.reading.kind.signed

    @property
    def encrypted(self) -> bool:
        return self.reading.kind.encrypted

    @property
    def confidential(self) -> bool:
        """Marked: Sensitivity or a label header, or a tag in the subject."""
        return self.reading.kind.confidential

    # --- the past ---
    @property
    def unexpected(self) -> Mapping[str, str] | None:
        return self.standing.unexpected

    @property
    def first_contact(self) -> Mapping[str, str] | None:
        return self.standing.first_contact
