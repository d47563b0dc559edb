"""What conditions may ask about one mail: pure to ask, and read no earlier than somebody does."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from mailguard.errors import NotKept
from mailguard.mail import address
from mailguard.mail.attachments import Attachment
from mailguard.mail.envelope import Envelope, Identity, Proof
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.mail.text import Text
from mailguard.people import People
from mailguard.records import Content, Familiar, Heard, Known, Match, Need, Reach, Thread, Waiting
from mailguard.rules.budget import Budget

T = TypeVar("T")
_UNMADE: Any = object()
Sought = tuple[Hashable, Hashable, str]  # all that `once` found somewhere, what must be among it, whose mark says no


class Standing(Protocol):
    """How the recipients stand with the sender. None: the past is not known well enough to say."""

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
    all as address keys, in order. What the mail says is in `reading`; asking for it may raise CannotTell. What has
    to be fetched first is None until then; a condition that gets None is false, and `explain` says "not known". What
    was asked for is noted in `wanted`: intake fetches it and has the rules asked again.
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
    known: Known = field(default_factory=Known)
    wanted: set[Need] = field(default_factory=set, init=False)  # what a condition asked for, fetched or not
    budget: Budget = field(default_factory=Budget, init=False)  # of the rule that is being asked
    denied: set[object] = field(default_factory=set, init=False)  # nodes known to be false, whoever asks them
    answers: dict[str, Match | None] = field(default_factory=dict, init=False)  # of the conditions asked, by their mark
    automatic: bool = False  # a service's, or null sender and Auto-Submitted or a report; a header alone is not enough
    _memo: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def knowing(self, **fetched: Any) -> "Facts":
        """The same mail with more of `Known`; whatever was made of it before is made anew."""
        return replace(self, known=replace(self.known, **fetched))

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        """What several conditions ask for is made for the first of them: folded text, who is external."""
        made: T = self._memo.get(what, _UNMADE)
        if made is _UNMADE:
            made = self._memo[what] = make()
        return made

    def lacks(self, sought: tuple[Sought, ...]) -> bool:
        """Whether one of these is known not to be there, by what others asked `once`; nothing is read for that."""
        for where, what, mark in sought:
            made = self._memo.get(where)
            if made is not None and what not in made:
                self.answers[mark] = None
                return True
        return False

    def _want(self, need: Need) -> None:
        self.wanted.add(need)
        self.budget.want(need, self.known.late.get(need))

    def as_then(self, mark: str) -> Match | None:
        """What the condition of this mark answered when the mail came, where what it asks for was not kept."""
        raise NotKept(mark)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every envelope recipient's key."""
        return self.to + self.cc + self.bcc

    @property
    def named(self) -> tuple[str, ...]:
        """`recipients` and `invited`."""
        return self.once("named", lambda: self.recipients + self.invited)

    @property
    def invited(self) -> tuple[str, ...]:
        """Attendees of the invitation in this mail who are not on the envelope: it names them, and them to others."""
        return self.once("invited", self._invited)

    def _invited(self) -> tuple[str, ...]:
        own = {*self.recipients, address.key(self.identity.address), address.key(self.envelope.sender)}
        return tuple(key for key in self.reading.invited if key not in own)

    @property
    def sender(self) -> str:
        """The identity's address; the null sender is ''."""
        return self.identity.address

    @property
    def written_as(self) -> tuple[str, ...]:
        """Other addresses (keys) they write as: those of From, which a login's send_as or the connector allows."""
        if self.identity.proof not in (Proof.LOGIN, Proof.CONNECTOR) or not self.sender:
            return ()
        own = address.key(self.sender)
        return self.once("written_as", lambda: tuple(key for key in self._authors() if key != own))

    def _authors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(address.key(box.address) for box in self.message.mailboxes("from")))

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

    @property
    def contents(self) -> tuple[Content | None, ...] | None:
        """What is in each of `attachments`, in their order. None until they were read, which only workers do."""
        if all(file.opaque for file in self.attachments):
            return (None,) * len(self.attachments)
        self._want(Need.CONTENTS)
        return self.known.contents

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
    def sent_files(self) -> Mapping[bytes, frozenset[str]] | None:
        """Of the attached files' digests, the domains outside that a file was sent to before."""
        if not any(self.reading.digests):
            return {}
        self._want(Need.SENT_FILES)
        return self.known.sent_files

    @property
    def unexpected(self) -> Mapping[str, str] | None:
        self._want(Need.PAST)
        return self.standing.unexpected

    @property
    def first_contact(self) -> Mapping[str, str] | None:
        self._want(Need.PAST)
        return self.standing.first_contact

    @property
    def familiar(self) -> Familiar | None:
        """Everybody the sender writes to, and every domain that anybody here does."""
        self._want(Need.FAMILIAR)
        return self.known.familiar

    # --- the world ---
    @property
    def reach(self) -> Reach | None:
        """Whether the recipients' domains take mail."""
        self._want(Need.REACH)
        return self.known.reach

    # --- the conversation ---
    @property
    def thread(self) -> Thread | None:
        """The conversation it goes on with; None also when none of its mails was seen."""
        if not self.message.references:
            return None
        self._want(Need.THREAD)
        return self.known.thread

    @property
    def heard(self) -> tuple[Heard, ...] | None:
        """Who got the text that it quotes."""
        self._want(Need.HEARD)
        return self.known.heard

    @property
    def waiting(self) -> tuple[Waiting, ...] | None:
        """The sender's other mails to any of the recipients, as long as they wait."""
        self._want(Need.WAITING)
        return self.known.waiting
