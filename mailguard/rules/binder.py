"""What a rule may name (lists, groups, people), and where in its file we are when a name is wrong."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import re2

from mailguard.document.model import did_you_mean
from mailguard.document.problem import Problem
from mailguard.document.yaml import Document, Loc
from mailguard.errors import PermanentFailure
from mailguard.mail import address
from mailguard.mail.domains import registered
from mailguard.people import People
from mailguard.people.calendar import Timetable
from mailguard.rules.codes import Code
from mailguard.rules.finder import Vocabulary

if TYPE_CHECKING:
    from mailguard.rules.logic import Leaf

_NO_WORD = "\ue000"  # no letter, no digit, no space, and nobody's text
WELL_KNOWN_GROUPS = frozenset({"executives"})  # the default policy names it; it may have no members


@dataclass
class Names:
    """One name space over all files of a run."""

    people: People
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    leaves: dict[str, "Leaf"] = field(default_factory=dict)  # conditions by their YAML
    texts: dict[str, str] = field(default_factory=dict)  # files that rules name, by path, with what is in them
    sketches: bool = False  # as `RuleSet.sketches`
    _digests: dict[str, bytes] = field(default_factory=dict)  # of the lists, by name

    def mark(self, said: str, value: Any) -> str:
        """Eight letters for what a condition asks: its YAML, and what is on the lists that it names."""
        asked = hashlib.blake2b(said.encode(), digest_size=6)
        for name in sorted(_texts(value) & self.lists.keys()):
            asked.update(self._digest(name))
        return base64.b64encode(asked.digest()).decode()

    def _digest(self, name: str) -> bytes:
        if name not in self._digests:
            self._digests[name] = hashlib.blake2b(json.dumps(self.lists[name]).encode()).digest()
        return self._digests[name]

    @cached_property
    def domains(self) -> frozenset[str]:
        """Registered domains of the addresses in all lists."""
        entries = {entry for several in self.lists.values() for entry in several if "@" in entry}
        return frozenset(registered(address.domain(entry.replace("@*.", "@"))) for entry in entries)


@dataclass(frozen=True, slots=True)
class Binder:
    """A place in a file (`at`) that belongs to something (`context`), and what can be named there."""

    document: Document
    at: tuple[str | int, ...]
    context: str
    names: Names
    problems: list[Problem]

    def below(self, *steps: str | int) -> "Binder":
        """The binder of a place below this one."""
        return Binder(self.document, self.at + steps, self.context, self.names, self.problems)

    def value(self) -> Any:
        """What is written at this place; where a short form stands for a mapping, that."""
        here: Any = self.document.data
        for step in self.at:
            if not isinstance(here, dict | list):
                return here
            here = here.get(step) if isinstance(here, dict) else here[int(step)]
        return here

    def wrong(self, loc: Loc, code: Code, message: str, help: str = "", *, key: bool = False) -> None:  # noqa: A002
        """Note a problem at `loc` below this place."""
        place = self.at + tuple(loc)
        self.problems.append(self.document.problem(place, code.value, message, help, self.context, key=key))

    def list_of(self, name: str, *loc: str | int) -> tuple[str, ...]:
        """The entries of a list by its name; none, and a problem, when there is no such list."""
        self.names.used.add(name)
        if name not in self.names.lists:
            self.wrong(loc, Code.LIST, f'there is no list "{name}"', _hint(name, self.names.lists, "lists:"))
        return self.names.lists.get(name, ())

    def group(self, name: object, *loc: str | int) -> str:
        """A group's name, checked."""
        known = set(self.names.people.groups) | WELL_KNOWN_GROUPS
        if not isinstance(name, str):
            self.wrong(loc, Code.SHAPE, "a group is a name, like {group: executives}")
        elif name not in known:
            self.wrong(loc, Code.GROUP, f'there is no group "{name}" in people.yaml', _hint(name, known, "people.yaml"))
        self.names.groups.add(str(name))
        return str(name)

    def office(self, *loc: str | int) -> Timetable | None:
        """When the organization works; None, and a problem, where it does not say."""
        table = self.names.people.organization.office
        if table is None:
            fix = 'write organization: {calendar: {hours: "Mon-Fri 08:00-18:00"}} in mailguard.yaml'
            self.wrong(loc, Code.CONTRADICTION, "office: nobody said when that is", fix)
        return table

    def pattern(self, text: object, *loc: str | int, fold: bool = False) -> Any:
        """A compiled RE2, or None and a problem; `fold` ignores case."""
        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = not fold
        if not isinstance(text, str) or not text:
            self.wrong(loc, Code.PATTERN, "a pattern is text, and not empty", "put it in single quotes")
            return None
        try:
            compiled = re2.compile(text, options)
        except re2.error as error:
            why = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
            fix = "patterns are RE2: no look-around, no back-references; in YAML, single quotes keep \\ as it is"
            self.wrong(loc, Code.PATTERN, f"RE2 does not accept this pattern: {why}", fix)
            return None
        found = compiled.search(_NO_WORD)
        if found is not None and not found[0]:
            fix = "write + for *, or a word that must be there; always: true means every mail"
            self.wrong(loc, Code.PATTERN, "this pattern is found in every text: nothing at all is enough for it", fix)
            return None
        return compiled

    def address(self, text: object, *loc: str | int) -> str:
        """The key of an address written in the file."""
        if not isinstance(text, str) or not _is_address(text):
            self.wrong(loc, Code.ADDRESS, f"{_said(text)} is not an address", "write it like ann@corp.example")
            return ""
        if "*" in text:  # never an address's own letter but in RFC 5322: it would silently match nobody
            fix = "write it like ann@corp.example; for several, {in: [\"*@corp.example\"]} or {pattern: '^sales-'}"
            self.wrong(loc, Code.ADDRESS, f'"{text}" is not an address: * stands for nothing here', fix)
        return address.key(text)

    def domain(self, text: object, *loc: str | int) -> None:
        """A problem, where no address can be at this domain, or at its sub-domains (`*.`): it would never match."""
        if not isinstance(text, str) or not _is_domain(text):
            self.wrong(loc, Code.ADDRESS, f'"{text}" is not a domain', "write client.example or *.client.example")


def _texts(value: Any) -> set[str]:
    """Every text in a piece of YAML."""
    if isinstance(value, dict | list):
        return set().union(*map(_texts, value.values() if isinstance(value, dict) else value))
    return {value} if isinstance(value, str) else set()


def _is_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(local and at and domain) and not any(c.isspace() or c in "<>," for c in text)


def _is_domain(text: str) -> bool:
    try:
        address.check("x@" + text.removeprefix("*.").removesuffix("."), smtputf8=True)
    except PermanentFailure:
        return False
    return True


def _said(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else "this"


def _hint(wrong: str, known: Iterable[str], where: str) -> str:
    return did_you_mean(wrong, sorted(known)) or f"name it first under {where}"
