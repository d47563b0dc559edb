"""What is kept of a mail's facts when it is decided, and the facts again, for other rules to be tried on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

from mailguard.errors import NotKept
from mailguard.history.settings import Learn
from mailguard.intake.facts import Standing
from mailguard.locale import saying
from mailguard.mail import address
from mailguard.mail.labels import FIELDS
from mailguard.mail.message import Mailbox, Message, Part
from mailguard.mail.reading import Reading
from mailguard.mail.text import Text
from mailguard.people import People
from mailguard.records import Content, Familiar, Heard, Kept, Known, Mail, Match, Need, Reach, Thread, Waiting
from mailguard.rules import acquaintance
from mailguard.rules.budget import SAID
from mailguard.rules.conditions.message import is_calendar_reply
from mailguard.rules.facts import Facts

# Fields that programs set to mark a mail, not people to say something: kept word for word
_MARKS = FIELDS | {"sensitivity", "importance", "priority", "x-priority", "precedence", "auto-submitted"}
_LONG = 1000  # characters of what is no mark any more


def keep(facts: Facts) -> Kept:
    """Of a mail that the rules have just been asked about. CannotTell as what is read of the mail for it."""
    message, known = facts.message, facts.known
    said = {name: tuple(message.all(name)) for name in sorted(message.names & _MARKS)}
    outstanding = {*(facts.standing.unexpected or ()), *(facts.standing.first_contact or ())}
    return Kept(
        to=facts.to, cc=facts.cc, written_as=facts.written_as, invited=facts.reading.invited,
        fields=tuple(sorted(message.names)),
        said={name: values for name, values in said.items() if sum(map(len, values)) <= _LONG},
        refers=bool(message.references), kind=facts.reading.kind, calendar_reply=is_calendar_reply(facts),
        files=facts.attachments, asked=tuple(sorted(facts.wanted)),
        past=known.past, reach=known.reach, thread=known.thread,
        spelt_otherwise=tuple(key for key in sorted(outstanding) if acquaintance.spelt_otherwise(facts, key)),
        yes={mark: tuple(sorted(found.recipients)) for mark, found in facts.answers.items() if found is not None},
        no=tuple(sorted(mark for mark, found in facts.answers.items() if found is None)),
    )  # fmt: skip


def recall(mail: Mail, kept: Kept, people: People, learn: Learn) -> Facts:
    """The facts of a past mail as far as they were kept; asking for anything else raises NotKept.

    People are those of today: who was in a group then is not known.
    """
    recipients = tuple(dict.fromkeys(map(address.key, mail.envelope.addresses)))
    named = {*kept.to, *kept.cc}
    others = tuple(key for key in recipients if key != address.key(mail.identity.address))
    past = None if people.service(mail.identity.address) else kept.past
    facts = _KeptFacts(
        reading=_Reading(mail, kept), envelope=mail.envelope, identity=mail.identity, people=people,
        now=mail.received_at, to=kept.to, cc=kept.cc, bcc=tuple(key for key in recipients if key not in named),
        automatic=mail.automatic, standing=Standing(past, others, learn, mail.received_at),
        known=Known(past=past, reach=kept.reach, thread=kept.thread), kept=kept,
    )  # fmt: skip
    facts.once("written_as", lambda: kept.written_as)
    facts.once("calendar_reply", lambda: kept.calendar_reply)
    if Need.FAMILIAR in kept.asked:
        for key in recipients:
            facts.once(("spelt otherwise", key), lambda key=key: key in kept.spelt_otherwise)  # type: ignore[misc]
    return facts


def _missing(what: str) -> NoReturn:
    raise NotKept("not kept: {what}", what=what)


class _Message(Message):
    """A header of which only the marks can be read, and the names of all fields."""

    def __init__(self, mail: Mail, kept: Kept) -> None:
        marks = (f"{name}: {value}\r\n" for name, values in kept.said.items() for value in values)
        super().__init__(("".join(marks) + "\r\n").encode("utf-8", "replace"))
        self.subject = mail.subject
        self.message_id = mail.message_id
        self.references = ("<earlier>",) if kept.refers else ()
        self._there = frozenset(kept.fields)
        self._silent = self._there - kept.said.keys()

    @property
    def names(self) -> frozenset[str]:
        return self._there

    def mailboxes(self, *names: str) -> tuple[Mailbox, ...]:
        return _missing(saying("who is in {fields}", fields=", ".join(names)))

    @cached_property
    def parent(self) -> str:
        return _missing(saying("what it answers"))

    @cached_property
    def _parts(self) -> tuple[Part, ...]:
        return _missing(saying("how it is made up"))

    def _named(self, name: str) -> list[Any]:
        return (
            _missing(saying("the header {name}", name=name)) if name.lower() in self._silent else super()._named(name)
        )


class _Reading(Reading):
    def __init__(self, mail: Mail, kept: Kept) -> None:
        super().__init__(_Message(mail, kept))
        self.kind, self.attachments, self.invited = kept.kind, kept.files, kept.invited

    @cached_property
    def text(self) -> Text:
        return _missing(saying("what it says"))

    @cached_property
    def digests(self) -> tuple[bytes, ...]:
        return _missing(saying("what its files hold")) if self.attachments else ()


@dataclass(frozen=True, slots=True)
class _KeptFacts(Facts):
    """What was not fetched then is not known now, and is no reason to say no."""

    kept: Kept = field(default_factory=Kept)

    def as_then(self, mark: str) -> Match | None:
        if mark in self.kept.yes:
            return Match(saying("as it was judged then"), frozenset(self.kept.yes[mark]))
        return None if mark in self.kept.no else _missing(saying("what it says"))

    def _fetched(self, need: Need) -> None:
        if need not in self.kept.asked:
            _missing(SAID[need])

    @property
    def contents(self) -> tuple[Content | None, ...] | None:
        if all(file.opaque for file in self.attachments):
            return (None,) * len(self.attachments)
        return _missing(saying("what its files hold"))

    @property
    def sent_files(self) -> Mapping[bytes, frozenset[str]] | None:
        return _missing(saying("where its files were sent")) if self.attachments else {}

    @property
    def unexpected(self) -> Mapping[str, str] | None:
        self._fetched(Need.PAST)
        return self.standing.unexpected

    @property
    def first_contact(self) -> Mapping[str, str] | None:
        self._fetched(Need.PAST)
        return self.standing.first_contact

    @property
    def reach(self) -> Reach | None:
        self._fetched(Need.REACH)
        return self.known.reach

    @property
    def thread(self) -> Thread | None:
        if not self.kept.refers:
            return None
        self._fetched(Need.THREAD)
        return self.known.thread

    @property
    def familiar(self) -> Familiar | None:
        return _missing(saying("whom its sender wrote to"))

    @property
    def heard(self) -> tuple[Heard, ...] | None:
        return _missing(saying("the text it quotes"))

    @property
    def waiting(self) -> tuple[Waiting, ...] | None:
        return _missing(saying("what waited then"))
