"""Who is who, as rules, notices and the desk ask it. Every comparison is by `mail.address.key`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from mailguard.document.problem import Problem
from mailguard.mail.address import key
from mailguard.people.fields import Pattern
from mailguard.people.organization import Organization

# Local parts that a next hop may route on to somewhere else: kim%client.example@, client.example!kim@, "kim@client"@
_ROUTED = re.compile(r"[%!@]")


@dataclass(frozen=True, slots=True)
class Assistant:
    """Who looks after an executive's mail; `notice`: told of it, without its content."""

    address: str
    sees: Literal["copy", "notice"] = "copy"


@dataclass(frozen=True, slots=True)
class Person:
    """One mailbox of ours. A `service` (printer, shop system) is never asked: its `owner` is."""

    address: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    assistant: Assistant | None = None
    manager: str | None = None
    service: bool = False
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class NoContact:
    """An order not to write to `pattern`; `until` is its last day in the organization's zone, None = for good."""

    pattern: str
    until: date | None = None
    reason: str = ""
    exempt: tuple[str, ...] = ()  # senders it does not bind
    approver: str = ""


@dataclass(frozen=True)
class Directory:
    """What people.yaml says, as plain records; `lists` maps a list's address to its members."""

    persons: tuple[Person, ...] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    list_patterns: tuple[str, ...] = ()
    no_assistant_groups: tuple[str, ...] = ()
    no_assistant_sensitivity: tuple[str, ...] = ()
    no_contact: tuple[NoContact, ...] = ()


class People:
    """The people around our mail."""

    def __init__(
        self, organization: Organization, directory: Directory | None = None, warnings: Iterable[Problem] = ()
    ) -> None:
        said = directory or Directory()
        self.organization = organization
        self.warnings = tuple(warnings)
        self.no_assistant_sensitivity = said.no_assistant_sensitivity
        self.no_contact = said.no_contact
        self._persons = {key(person.address): person for person in said.persons}
        self._main = {key(alias): key(person.address) for person in said.persons for alias in person.aliases}
        self._lists = {key(name): tuple(key(member) for member in said.lists[name]) for name in said.lists}
        self._patterns = tuple(Pattern(text) for text in said.list_patterns)
        self._shut = frozenset(said.no_assistant_groups)
        self._outside: dict[str, bool] = {}  # what was found out about our lists
        self.groups: Mapping[str, frozenset[str]] = self._gather(said)

    def internal(self, address: str) -> bool:
        """One of ours; the null sender counts as ours."""
        return not self.external(address)

    def external(self, address: str) -> bool:
        """Outside our domains; so is a list with anybody outside in it, or one that nobody can expand."""
        name = key(address)
        if name not in self._lists:
            return self._foreign(name)
        if name not in self._outside:
            self._outside[name] = any(self._foreign(member) for member in self.expand(name))
        return self._outside[name]

    def canonical(self, address: str) -> str:
        """The key of the person's main address, when this is an alias; else the address's own."""
        name = key(address)
        return self._main.get(name, name)

    def person(self, address: str) -> Person | None:
        """Whose address or alias this is."""
        return self._persons.get(self.canonical(address))

    def in_group(self, address: str, group: str) -> bool:
        """Whether this one address belongs; `expand` a list first to ask for its members."""
        return self.canonical(address) in self.groups.get(group, ())

    def assistant_of(self, address: str) -> Assistant | None:
        person = self.person(address)
        return person.assistant if person else None

    def manager_of(self, address: str) -> str | None:
        person = self.person(address)
        return person.manager if person else None

    def service(self, address: str) -> bool:
        """A machine's address: nobody reads its mailbox."""
        person = self.person(address)
        return person is not None and person.service

    def answers_for(self, address: str, fallback: str) -> str:
        """Who is told and asked about this sender's mail: never someone outside, never a machine or list."""
        person = self.person(address)
        if person is not None and person.service:
            return person.owner or fallback
        answering = person.address if person else address
        name = key(answering)
        return fallback if not name or name in self._lists or self.external(name) else answering

    def expand(self, address: str) -> frozenset[str]:
        """A list's members (keys), lists within it too; else the address itself. Loops end."""
        seen: set[str] = set()
        members: set[str] = set()
        waiting = [key(address)]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            inside = self._lists.get(name)
            if inside is None:
                members.add(name)
            else:
                waiting += inside
        return frozenset(members)

    def no_assistant(self, address: str) -> bool:
        """Mail from this person never reaches an assistant."""
        return any(self.in_group(address, group) for group in self._shut)

    def _foreign(self, name: str) -> bool:
        if not name:
            return False
        if not self.organization.owns(name) or _ROUTED.search(name.rpartition("@")[0]):
            return True
        known = name in self._persons or name in self._main
        return not known and any(pattern.matches(name) for pattern in self._patterns)

    def _gather(self, said: Directory) -> dict[str, frozenset[str]]:
        groups = {name: {self.canonical(member) for member in members} for name, members in said.groups.items()}
        for person in said.persons:
            for name in person.groups:
                groups.setdefault(name, set()).add(key(person.address))
        return {name: frozenset(members) for name, members in groups.items()}
