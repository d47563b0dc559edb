"""people.yaml: what may stand in it, read into a Directory."""

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from mailguard.document.model import BadValue
from mailguard.document.units import Section
from mailguard.locale import Name
from mailguard.people.fields import Address, AddressPattern, Day
from mailguard.people.people import Assistant, Delegate, Directory, NoContact, Person


class AssistantEntry(Section):
    """An assistant who sees less than everything."""

    address: Address
    """The assistant's own mailbox, inside the organization."""
    sees: Literal["copy", "notice"] = "copy"
    """copy: the whole mail. notice: only sender, subject and a link to stop it."""


class DelegateEntry(Section):
    """Who approves in somebody's place."""

    to: Address
    """Whose approval is asked for instead."""
    from_: Day | None = Field(None, alias="from")
    """The first day; without it, already now."""
    until: Day | None = None
    """The last day; without it, until the entry is removed."""

    @model_validator(mode="after")
    def _ordered(self) -> "DelegateEntry":
        if self.from_ and self.until and self.until < self.from_:
            raise BadValue(f"until {self.until} is before from {self.from_}", "write the first day as from")
        return self

    def delegate(self) -> Delegate:
        first, last = (date.fromisoformat(day) if day else None for day in (self.from_, self.until))
        return Delegate(self.to, first, last)


class PersonEntry(Section):
    """One mailbox of the organization."""

    address: Address
    """The main address."""
    name: str = ""
    """How notices call this person."""
    language: Name | None = None
    """The language of what this person reads, where it is not `notices.language`."""
    title: str = ""
    """What this person is, like "Head of Sales"; rules ask for it with `{title: …}`."""
    aliases: tuple[Address, ...] = ()
    """Other addresses of the same mailbox."""
    groups: tuple[str, ...] = ()
    """Groups that rules can ask for."""
    assistant: Address | AssistantEntry | None = None
    """Who gets a copy, and may stop mail to this person."""
    manager: Address | None = None
    """Who `manager_of_sender` means."""
    delegate: DelegateEntry | None = None
    """Who is asked to approve while this person is away: {to: ADDRESS, from: DAY, until: DAY}."""
    service: bool = False
    """A machine: never asked to confirm, its owner is."""
    owner: Address | None = None
    """Who answers for a service."""
    shared: bool = False
    """A mailbox that several people read and write as. Who logged in answers for what is sent as it."""
    members: tuple[Address, ...] = ()
    """Who works in a shared mailbox: none of them approves, through it, what they sent themselves."""

    def person(self) -> Person:
        said = self.assistant
        assistant = Assistant(said) if isinstance(said, str) else said and Assistant(said.address, said.sees)
        return Person(
            self.address,
            name=self.name,
            aliases=self.aliases,
            groups=self.groups,
            assistant=assistant or None,
            manager=self.manager,
            delegate=self.delegate.delegate() if self.delegate else None,
            service=self.service,
            owner=self.owner,
            shared=self.shared,
            members=self.members,
            title=self.title,
            language=self.language or "",
        )


class NoAssistant(Section):
    """What never reaches an assistant."""

    groups: tuple[str, ...] = ()
    """Mail from people in these groups."""
    sensitivity: tuple[Literal["personal", "private", "company-confidential"], ...] = ()
    """Mail with one of these Sensitivity headers."""


class ListEntry(Section):
    """A distribution list that is expanded before deciding."""

    members: tuple[Address, ...]
    """Addresses, also of other lists."""


class NoContactEntry(Section):
    """An order not to write to someone."""

    address: AddressPattern
    """An address, or a pattern like "*@client.example"."""
    until: Day | None = None
    """The last day it binds; without it, for good."""
    reason: str = ""
    """Shown to whoever is stopped by it."""
    exempt: tuple[Address, ...] = Field((), alias="except")
    """Senders it does not bind."""
    approver: Address | None = None
    """Who may let a mail through."""

    def order(self) -> NoContact:
        until = date.fromisoformat(self.until) if self.until else None
        return NoContact(self.address, until, self.reason, self.exempt, self.approver or "")


class PeopleFile(Section):
    """Who is who: people, groups, lists, and what assistants never see."""

    version: Literal[1] = 1
    """The version of this file's format."""
    people: tuple[PersonEntry, ...] = ()
    """People and machines that rules or notices must know. Nobody else of ours needs to be named."""
    groups: dict[str, tuple[Address, ...]] = Field(default_factory=dict)
    """Groups by name; a person's own `groups` add to them."""
    no_assistant: NoAssistant = NoAssistant()
    """What never reaches an assistant."""
    list_patterns: tuple[AddressPattern, ...] = ()
    """Own addresses like these that nobody can expand count as external."""
    lists: dict[Address, ListEntry] = Field(default_factory=dict)
    """Distribution lists and their members."""
    no_contact: tuple[NoContactEntry, ...] = ()
    """Whom nobody may write to."""

    def directory(self) -> Directory:
        return Directory(
            persons=tuple(entry.person() for entry in self.people),
            groups=self.groups,
            lists={name: entry.members for name, entry in self.lists.items()},
            list_patterns=self.list_patterns,
            no_assistant_groups=self.no_assistant.groups,
            no_assistant_sensitivity=self.no_assistant.sensitivity,
            no_contact=tuple(entry.order() for entry in self.no_contact),
        )
