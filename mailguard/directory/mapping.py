"""A directory's entries as people, groups and lists. Pure; what can't be used is left out and told with its DN."""

from dataclasses import dataclass, field

from mailguard.directory.entry import Answer, Entry, Names, is_dn
from mailguard.directory.groups import Unfolding
from mailguard.directory.settings import LdapAttributes, LdapSettings
from mailguard.directory.words import NoAnswer
from mailguard.document.problem import Problem
from mailguard.errors import PermanentFailure
from mailguard.locale import wanted
from mailguard.mail import address as addresses
from mailguard.people import Assistant, Directory, Found, Person

_LONG = 200  # letters of a name or title


def found(answer: Answer, settings: LdapSettings) -> Found:
    """Who there is. Raises NoAnswer when that is nobody, or when groups within groups unfold into too much."""
    mapping = _Mapping(answer, settings)
    persons = mapping.persons()
    if not persons:
        raise NoAnswer("it knows nobody", "check base and filter, and what the account may read", mistake=True)
    groups, lists = mapping.groups()
    directory = Directory(persons=persons, groups=groups, lists=lists)
    return Found(directory, settings.url, mapping.places, tuple(mapping.problems))


@dataclass
class _Mapping:
    answer: Answer
    settings: LdapSettings
    names: Names = field(default_factory=Names)
    problems: list[Problem] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)  # the DN of each address
    mailboxes: dict[str, str] = field(default_factory=dict)  # the main address of each person's DN (by key)

    def warn(self, code: str, message: str, help: str, dn: str) -> None:  # noqa: A002
        self.problems.append(Problem(code, "warning", self.settings.url, 0, 0, 0, message, help, context=dn))

    # people
    def persons(self) -> tuple[Person, ...]:
        """By DN, so that of two who claim an address it is always the same who has it."""
        kept = [(entry, said) for entry in sorted(self.answer.people, key=lambda e: e.dn) if (said := self._own(entry))]
        firsts = [(entry, said) for entry, said in kept if self._claim(entry, said[0])]
        persons = []
        for entry, (main, *others) in firsts:
            aliases = tuple(one for one in others if self._claim_alias(entry, main, one))
            persons.append(self._person(entry, main, aliases))
        return tuple(persons)

    def _own(self, entry: Entry) -> list[str]:
        """The main address and the others, each once; none of an entry without one."""
        said = written(entry, self.settings.attributes)
        found = {addresses.key(good): good for one in said if (good := self.address(one, entry.dn))}
        return list(found.values())

    def address(self, text: str, dn: str) -> str:
        """As it was written; '' and a warning if it is none."""
        try:
            return addresses.check(text, smtputf8=True)
        except PermanentFailure as error:
            why = error.text.removeprefix("bad address: ")
            self.warn("MG501", f'"{text[:80]}" is not an address: {why}', "put it right in the directory", dn)
            return ""

    def _claim(self, entry: Entry, main: str) -> bool:
        """A second account with the same mailbox is the same person: what its groups decide is decided of them."""
        self.mailboxes[self.names[entry.dn]] = main
        first = self.places.setdefault(addresses.key(main), entry.dn)
        if first != entry.dn:
            how = "if both are one person, it is all right: their groups are united; else give one another address"
            self.warn("MG302", f"{main} is the address of {first} too", how, entry.dn)
        return first == entry.dn

    def _claim_alias(self, entry: Entry, main: str, alias: str) -> bool:
        first = self.places.setdefault(addresses.key(alias), entry.dn)
        if first != entry.dn:
            how = "an address has one owner: take it away from one of the two"
            self.warn("MG302", f"{alias}, an alias of {main}, belongs to {first} too", how, entry.dn)
        return first == entry.dn

    def _person(self, entry: Entry, main: str, aliases: tuple[str, ...]) -> Person:
        at = self.settings.attributes
        assistant = self._role(entry, "assistant", at.assistant)
        return Person(
            main,
            name=_line(entry.first(at.name) or entry.first("cn")),
            aliases=aliases,
            assistant=Assistant(assistant) if assistant else None,
            manager=self._role(entry, "manager", at.manager) or None,
            title=_line(entry.first(at.title)),
            language=wanted(entry.first(at.language)),
        )

    def _role(self, entry: Entry, role: str, attribute: str) -> str:
        """Of several the first that is somebody."""
        said = entry.all(attribute)
        for one in said:
            meant = self.mailboxes.get(self.names[one], "") if is_dn(one) else self.address(one.strip(), entry.dn)
            if meant:
                return meant
        if strange := [one for one in said if is_dn(one)]:
            how = "if it is somebody, directory.ldap.filter leaves them out, or they have no address"
            self.warn("MG502", f"the {role} {strange[0][:200]} is nobody known: left out", how, entry.dn)
        return ""

    # groups
    def groups(self) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        """Groups by their name, groups within them unfolded; lists by their address."""
        groups: dict[str, tuple[str, ...]] = {}
        lists: dict[str, tuple[str, ...]] = {}
        unfolding = Unfolding(self.answer, self.settings, self.names, self.mailboxes, self.address)
        named: dict[str, str] = {}
        for entry in sorted(self.answer.groups, key=lambda e: e.dn):
            name = _line(entry.first(self.settings.groups.name)).lower()
            if name:
                if named.setdefault(name, entry.dn) != entry.dn:
                    how = "rules can't tell them apart: their members are united"
                    self.warn("MG503", f'a group "{name}" is {named[name]} too', how, entry.dn)
                groups[name] = tuple(dict.fromkeys((*groups.get(name, ()), *unfolding.people(entry))))
            if (address := unfolding.address_of(entry)) and (members := unfolding.direct(entry)):
                lists[address] = tuple(dict.fromkeys((*lists.get(address, ()), *members)))
                self.places.setdefault(addresses.key(address), entry.dn)
        if self.answer.unasked:
            how = "narrow groups.filter: what else is in these groups is not known"
            message = f"{self.answer.unasked} more members of groups are neither people nor groups of the filters"
            self.warn("MG504", message, how, self.settings.groups.base or self.settings.base)
        return groups, lists


def written(entry: Entry, at: LdapAttributes) -> list[str]:
    """What stands as this person's addresses, the main one first; whether each is one is not known yet."""
    aliases = (alias for one in entry.all(at.aliases) if (alias := _alias(one)))
    return [one.strip() for one in (*entry.all(at.address), *aliases)]


def _alias(value: str) -> str:
    """`smtp:ann@corp.example` → the address; X400:, SIP: and others → ''."""
    kind, colon, rest = value.partition(":")
    return rest.strip() if colon and kind.lower() == "smtp" else "" if colon and "@" not in kind else value


def _line(text: str) -> str:
    """A name that may stand in a notice or log: one line of it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONG]
