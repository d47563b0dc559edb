"""Who is in a group, and whom a list's mail reaches."""

from collections.abc import Callable, Iterable, Mapping

from mailguard.directory.entry import Answer, Entry, Names, is_dn
from mailguard.directory.settings import LdapSettings
from mailguard.directory.words import NoAnswer

MEMBERS = 1_000_000  # of all groups and lists together: some hundred bytes each


class Unfolding:
    """Groups within groups, each asked once, with an end also where they lead back to themselves."""

    def __init__(
        self,
        answer: Answer,
        settings: LdapSettings,
        names: Names,
        mailboxes: Mapping[str, str],
        checked: Callable[[str, str], str],
    ) -> None:
        """`mailboxes`: people's addresses by DN. `checked` gives back what is an address, else ''."""
        self._names, self._at, self._check = names, settings.groups, checked
        self._inside = answer.inside
        hidden = [entry for entry in answer.others if any(entry.all(at) for at in self._at.members)]
        self._groups = {names[entry.dn]: entry for entry in (*answer.groups, *hidden)}
        self._lists = self._with_address(self._groups.values(), self._at.address)
        contacts = self._with_address(answer.others, settings.attributes.address)
        self._addresses = {**contacts, **mailboxes, **self._lists}
        self._own: dict[str, list[str]] = {}  # what people say themselves of the groups they are in
        for person in answer.people:
            for group in person.all(settings.attributes.groups):
                self._own.setdefault(names[group], []).append(person.dn)
        self._room = MEMBERS

    def address_of(self, group: Entry) -> str:
        return self._lists.get(self._names[group.dn], "")

    def people(self, group: Entry) -> tuple[str, ...]:
        """Everybody in it, and in groups within."""
        return self._reach(group, through_lists=True)

    def direct(self, group: Entry) -> tuple[str, ...]:
        """Whom a list's mail goes to first: lists within stay lists, which people.yaml may know better."""
        return self._reach(group, through_lists=False)

    def _reach(self, group: Entry, *, through_lists: bool) -> tuple[str, ...]:
        found: dict[str, None] = {}
        start = self._names[group.dn]
        seen, waiting = {start}, [start]
        while waiting:
            dn = waiting.pop()
            inner = self._groups.get(dn)
            if inner is None or (dn != start and not through_lists and dn in self._lists):
                if reached := self._addresses.get(dn):
                    found[reached] = None
                continue
            found |= dict.fromkeys(self._written(inner))
            members = self._members(dn, inner)
            self._room -= len(members)
            if self._room < 0:
                how = "narrow groups.filter to the groups that rules name, and lists"
                raise NoAnswer(f"the groups have more than {MEMBERS} members in all", how, mistake=True)
            waiting += [one for one in members if one not in seen]
            seen.update(members)
        return tuple(sorted(found))

    def _members(self, dn: str, group: Entry) -> list[str]:
        said = [one for at in self._at.members for one in group.all(at) if is_dn(one)]
        said += self._inside.get(group.dn, ())
        return [self._names[one] for one in (*said, *self._own.get(dn, ()))]

    def _written(self, group: Entry) -> Iterable[str]:
        """Members that are addresses, not DNs."""
        said = (one.strip() for at in self._at.members for one in group.all(at) if not is_dn(one))
        return [good for one in said if (good := self._check(one, group.dn))]

    def _with_address(self, entries: Iterable[Entry], attribute: str) -> dict[str, str]:
        """The address of each that has one."""
        said = [(entry.dn, address) for entry in entries if (address := entry.first(attribute))]
        return {self._names[dn]: good for dn, address in said if (good := self._check(address, dn))}
