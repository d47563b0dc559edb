"""Who is who, as rules, notices and the desk ask it. Every comparison is by `mail.address.key`."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from typing import Literal

from mailguard.document.problem import Problem
from mailguard.mail.address import domain, key
from mailguard.mail.domains import registered
from mailguard.people import names
from mailguard.people.fields import Pattern
from mailguard.people.organization import Organization
from mailguard.people.preferences import Preference

_NOTHING = Preference()
# Local parts that a next hop may route on to somewhere else: kim%client.example@, client.example!kim@, "kim@client"@
_ROUTED = re.compile(r"[%!@]")


@dataclass(frozen=True, slots=True)
class Assistant:
    """Who looks after an executive's mail; `notice`: told of it, without its content."""

    address: str
    sees: Literal["copy", "notice"] = "copy"


@dataclass(frozen=True, slots=True)
class Delegate:
    """Who is asked in somebody's place from the first day to the last, in the organization's zone; None = open."""

    to: str
    first: date | None = None
    last: date | None = None

    def acts(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Person:
    """One mailbox of ours. A `service` (printer, shop system) is never asked: its `owner` is."""

    address: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    assistant: Assistant | None = None
    manager: str | None = None
    delegate: Delegate | None = None
    service: bool = False
    owner: str | None = None
    shared: bool = False
    members: tuple[str, ...] = ()  # of a shared mailbox: who reads it and writes as it
    title: str = ""
    language: str = ""  # what they read; '': the organization's


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
    """What people.yaml or an LDAP server says, as plain records; `lists` maps a list's address to its members."""

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
        self._mailbox = organization.spellings.mailbox
        self._persons = {key(person.address): person for person in said.persons}
        self._main = {key(alias): key(person.address) for person in said.persons for alias in person.aliases}
        self._lists = {key(name): tuple(key(member) for member in said.lists[name]) for name in said.lists}
        self._patterns = tuple(Pattern(text) for text in said.list_patterns)
        self._forms = self._known_mailboxes()
        self._spelt = lru_cache(maxsize=4096)(self._spelling)  # a mail's few addresses are asked for a dozen times
        self.no_assistant_groups = frozenset(said.no_assistant_groups)
        self.absences: Mapping[str, Delegate] = {}  # by canonical address: what people say themselves on their page
        self.preferences: Mapping[str, Preference] = {}  # the same
        self._outside: dict[str, bool] = {}  # what was found out about our lists
        self.groups: Mapping[str, frozenset[str]] = self._gather(said)

    def internal(self, address: str) -> bool:
        """One of ours; the null sender counts as ours."""
        return not self.external(address)

    def external(self, address: str) -> bool:
        """Outside our domains; so is a list with anybody outside in it, or one that nobody can expand."""
        name = self._spelt(key(address))
        if name not in self._lists:
            return self._foreign(name)
        if name not in self._outside:
            self._outside[name] = any(self._foreign(member) for member in self.expand(name))
        return self._outside[name]

    def canonical(self, address: str) -> str:
        """The key of the person's main address, when this is an alias or another spelling; else the address's own."""
        return self.main(self._spelt(key(address)))

    def main(self, address: str) -> str:
        """As `canonical`, of aliases that people.yaml names to the letter only: where it decides who gets something."""
        name = key(address)
        return self._main.get(name, name)

    def mailbox(self, address: str) -> str:
        """What is equal for all spellings of one mailbox, as its domain takes them. For comparing, not for sending."""
        return self._mailbox(self.canonical(address))

    @property
    def persons(self) -> Collection[Person]:
        """Everybody known by name."""
        return self._persons.values()

    def person(self, address: str) -> Person | None:
        """Whose address or alias this is."""
        return self._persons.get(self.canonical(address))

    def preference(self, address: str) -> Preference:
        """What this person chose for themselves."""
        return self.preferences.get(self.canonical(address), _NOTHING) if self.preferences else _NOTHING

    def language(self, address: str) -> str:
        """What this person reads: by their own choice, else as people.yaml or the directory says; '': nobody says."""
        return self.preference(address).language or self.language_given(address)

    def language_given(self, address: str) -> str:
        """The same, whatever they chose."""
        person = self.person(address)
        return person.language if person else ""

    def knows(self, address: str) -> bool:
        """Whether anything of this address is known: it is a person's, a list's, or somebody names it."""
        name = self._spelt(key(address))
        return self._known(name) or self.mailbox(name) in self._mentioned

    @cached_property
    def _mentioned(self) -> frozenset[str]:
        found = [
            *(member for several in self._lists.values() for member in several),
            *set().union(*self.groups.values()),
        ]
        for person in self._persons.values():
            found += [person.manager or "", person.owner or "", *person.members]
            found += [
                person.assistant.address if person.assistant else "",
                person.delegate.to if person.delegate else "",
            ]
        for order in self.no_contact:
            found += [order.approver, *order.exempt]
        return frozenset(self.mailbox(one) for one in found if one)

    def named(self, name: frozenset[str]) -> Sequence[Person]:
        """Who is called so, as `names.parts` takes a name apart."""
        return self._called.get(name, ())

    @cached_property
    def _called(self) -> dict[frozenset[str], list[Person]]:
        found: dict[frozenset[str], list[Person]] = {}
        for person in self._persons.values():
            found.setdefault(names.parts(person.name), []).append(person)
        found.pop(frozenset(), None)
        return found

    @cached_property
    def partners(self) -> frozenset[str]:
        """Registered domains outside that people.yaml names, whatever for: nobody took them for others there."""
        members = {member for several in self._lists.values() for member in several}
        everyone = members | self._persons.keys() | self._main.keys() | set().union(*self.groups.values())
        orders = {order.pattern.replace("@*.", "@") for order in self.no_contact}
        return frozenset(registered(domain(one)) for one in everyone | orders if not self.organization.owns(one))

    def in_group(self, address: str, group: str) -> bool:
        """Whether this one address belongs; `expand` a list first to ask for its members."""
        return self.canonical(address) in self.groups.get(group, ())

    def assistant_of(self, address: str) -> Assistant | None:
        person = self.person(address)
        return person.assistant if person else None

    def manager_of(self, address: str) -> str | None:
        person = self.person(address)
        return person.manager if person else None

    def title_of(self, address: str) -> str:
        person = self.person(address)
        return person.title if person else ""

    def stand_in(self, address: str, day: date) -> str:
        """Who is asked that day instead: delegates of delegates too; where they lead in a circle, nobody else."""
        seen, asked = {self.canonical(address)}, address
        while delegate := self._delegate(asked, day):
            asked = delegate.to
            if self.canonical(asked) in seen:
                return address
            seen.add(self.canonical(asked))
        return asked

    def _delegate(self, address: str, day: date) -> Delegate | None:
        """The administrator's word goes before the person's own."""
        person = self.person(address)
        said = (person.delegate if person else None, self.absences.get(self.canonical(address)))
        return next((one for one in said if one and one.acts(day)), None)

    def service(self, address: str) -> bool:
        """A machine's address: nobody reads its mailbox."""
        person = self.person(address)
        return person is not None and person.service

    def writes_as(self, address: str) -> tuple[str, ...]:
        """What somebody may write as, the main address first: their own, and the shared mailboxes they work in.

        () for a machine, a list and somebody outside; and for another spelling of one we know, who is one person.
        """
        name = self.main(address)
        person = self._persons.get(name)
        if not name or name in self._lists or self.external(name) or (person and person.service):
            return ()
        if name != self.canonical(address):
            return ()
        own = (person.address, *person.aliases) if person else (name,)
        shared = (one.address for one in self.persons if one.shared and self.shares(name, one.address))
        return tuple(one for one in dict.fromkeys((*own, *shared)) if not self.external(one))

    def shares(self, person: str, mailbox: str) -> bool:
        """Whether this is a shared mailbox, and that person works in it: what it is sent, they read."""
        found = self.person(mailbox)
        who = self.mailbox(person)
        return found is not None and found.shared and who in map(self.mailbox, found.members)

    def answers_for(self, address: str, fallback: str) -> str:
        """Who is told and asked about this sender's mail: never someone outside, never a machine or list."""
        person = self.person(address)
        if person is not None and person.service:
            return person.owner or fallback
        known = self._persons.get(self.main(address))
        answering = known.address if known else address
        name = key(answering)
        return fallback if not name or name in self._lists or self.external(name) else answering

    def expand(self, address: str) -> frozenset[str]:
        """A list's members (keys), lists within it too; else the address itself. Loops end."""
        name = self._spelt(key(address))
        if name not in self._lists:
            return frozenset((name,))
        seen: set[str] = set()
        members: set[str] = set()
        waiting = [name]
        while waiting:
            name = self._spelt(waiting.pop())
            if name in seen:
                continue
            seen.add(name)
            inside = self._lists.get(name)
            if inside is None:
                members.add(name)
            else:
                waiting += inside
        return frozenset(members)

    def unknown_list(self, address: str) -> bool:
        """One of ours, or a member of one, that looks like a list by `list_patterns` and that nobody can expand."""
        return any(self.organization.owns(one) and self._unexpandable(one) for one in self.expand(address))

    def no_assistant(self, address: str) -> bool:
        """Mail from this person never reaches an assistant."""
        return any(self.in_group(address, group) for group in self.no_assistant_groups)

    def _foreign(self, name: str) -> bool:
        if not name:
            return False
        if not self.organization.owns(name) or _ROUTED.search(name.rpartition("@")[0]):
            return True
        return self._unexpandable(name)

    def _unexpandable(self, name: str) -> bool:
        known = name in self._persons or name in self._main
        return not known and any(pattern.matches(name) for pattern in self._patterns)

    def _spelling(self, name: str) -> str:
        """This address (a key) as we know it, where it is another spelling of one we know."""
        return name if self._known(name) else self._forms.get(self._mailbox(name), name)

    def _known(self, name: str) -> bool:
        return name in self._persons or name in self._main or name in self._lists

    def _known_mailboxes(self) -> dict[str, str]:
        """By mailbox, the one address we know it under; where there are two, each keeps its own."""
        found: dict[str, list[str]] = {}
        for name in (*self._persons, *self._main, *self._lists):
            found.setdefault(self._mailbox(name), []).append(name)
        return {form: names[0] for form, names in found.items() if len({self._main.get(n, n) for n in names}) == 1}

    def _gather(self, said: Directory) -> dict[str, frozenset[str]]:
        groups = {name: {self.canonical(member) for member in members} for name, members in said.groups.items()}
        for person in said.persons:
            for name in person.groups:
                groups.setdefault(name, set()).add(key(person.address))
        return {name: frozenset(members) for name, members in groups.items()}
