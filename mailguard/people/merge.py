"""people.yaml over a directory: field by field the file wins, groups unite, and what does not fit is left out and told.

Nothing a directory says is an error: nobody who reads its mistakes is about to start mailguard.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mailguard.document.problem import Problem
from mailguard.mail.address import key
from mailguard.people.found import Found
from mailguard.people.people import Directory, People, Person


def merge(said: Directory, found: Found) -> tuple[Directory, list[Problem]]:
    """Both as one, with the findings about addresses that two claim."""
    merging = _Merging(said, found)
    persons = merging.persons()
    groups = merging.groups()
    return replace(said, persons=persons, groups=groups, lists=merging.lists(persons)), merging.problems


def sound(directory: Directory, found: Found, people: People) -> tuple[Directory, list[Problem]]:
    """Without the managers and assistants that only the directory names and that can't be meant: mail goes to them.

    `people` are those of `directory`: who is outside shows only when lists and aliases are known.
    """
    problems: list[Problem] = []
    named = {people.canonical(person.address): person for person in found.directory.persons}

    def fits(role: str, address: str, person: Person) -> bool:
        wrong = _wrong(role, address, person, people)
        if wrong:
            how = f"put it right in the directory, or name another {role} in people.yaml"
            problems.append(_problem(found, wrong[0], f"{wrong[1]}: left out", how, named[key(person.address)].address))
        return not wrong

    def checked(person: Person) -> Person:
        origin = named.get(key(person.address))
        if origin is None:
            return person
        assistant, manager = person.assistant, person.manager
        if assistant and assistant == origin.assistant and not fits("assistant", assistant.address, person):
            assistant = None
        if manager and manager == origin.manager and not fits("manager", manager, person):
            manager = None
        if (assistant, manager) == (person.assistant, person.manager):
            return person
        return replace(person, assistant=assistant, manager=manager)

    return replace(directory, persons=tuple(map(checked, directory.persons))), problems


def _wrong(role: str, address: str, person: Person, people: People) -> tuple[str, str] | None:
    if people.canonical(address) == key(person.address):
        return "MG308", f"{person.address} is their own {role}"
    if people.external(address):
        return "MG303", f"the {role} {address} of {person.address} is outside the organization"
    if role == "assistant" and people.service(address):
        return "MG305", f"the {role} {address} of {person.address} is a service"
    return None


def _problem(found: Found, code: str, message: str, help: str, address: str) -> Problem:  # noqa: A002
    place = found.places.get(key(address), "")
    return Problem(code, "warning", found.source, 0, 0, 0, message, help, context=place)


@dataclass
class _Merging:
    said: Directory
    found: Found
    problems: list[Problem] = field(default_factory=list)

    def warn(self, code: str, message: str, help: str, address: str) -> None:  # noqa: A002
        self.problems.append(_problem(self.found, code, message, help, address))

    def persons(self) -> tuple[Person, ...]:
        """Everybody once; whose addresses the file has is that person of the file."""
        owners = {key(one): number for number, person in enumerate(self.said.persons) for one in _addresses(person)}
        merged = list(self.said.persons)
        for other in self.found.directory.persons:
            number = owners.get(key(other.address))
            if number is None:
                number = next((owners[key(one)] for one in other.aliases if key(one) in owners), None)
            if number is None:
                merged.append(other)
                owners |= {key(one): len(merged) - 1 for one in _addresses(other)}
            else:
                merged[number] = self._over(merged[number], other, owners, number)
        return tuple(merged)

    def _over(self, person: Person, other: Person, owners: dict[str, int], number: int) -> Person:
        own = {key(one) for one in _addresses(person)}
        more = []
        for one in _addresses(other):
            if owners.setdefault(key(one), number) != number:
                message = f"{one} belongs to another person of people.yaml"
                self.warn("MG302", message, "an address has one owner: people.yaml is believed", other.address)
            elif key(one) not in own:
                more.append(one)
        return replace(
            person,
            name=person.name or other.name,
            aliases=(*person.aliases, *more),
            assistant=person.assistant or other.assistant,
            manager=person.manager or other.manager,
            title=person.title or other.title,
            language=person.language or other.language,
        )

    def groups(self) -> dict[str, tuple[str, ...]]:
        """United; a directory's names come in lower case, and find the file's own spelling."""
        groups = {name: tuple(members) for name, members in self.said.groups.items()}
        written = [*self.said.no_assistant_groups, *groups]
        written += [name for person in self.said.persons for name in person.groups]
        spelt = {name.lower(): name for name in written}
        for name, members in self.found.directory.groups.items():
            here = spelt.get(name, name)
            groups[here] = (*groups.get(here, ()), *members)
        return groups

    def lists(self, persons: tuple[Person, ...]) -> dict[str, tuple[str, ...]]:
        """The file's own, then the directory's; a person's address is no list."""
        lists = {name: tuple(members) for name, members in self.said.lists.items()}
        taken = {key(name) for name in lists}
        people = {key(one) for person in persons for one in _addresses(person)}
        for name, members in self.found.directory.lists.items():
            if key(name) in people:
                message = f"{name} is a person's address and a list's: the person is believed"
                self.warn("MG310", message, "give one of the two another address", name)
            elif key(name) not in taken:
                lists[name] = tuple(members)
        return lists


def _addresses(person: Person) -> Iterator[str]:
    yield person.address
    yield from person.aliases
