"""When a directory suddenly knows much less: more likely a mistake than news, and what is lost is a rule's grip."""

from collections.abc import Collection

from mailguard.locale import N_
from mailguard.locale.sayings import joined, saying
from mailguard.people import Found

_SAID = {
    "people": saying("people"),
    "members of groups": saying("members of groups"),
    "lists": saying("lists"),
    "managers": saying("managers"),
    "assistants": saying("assistants"),
}
FEW = 10  # of managers, assistants and lists: so few may leave in an ordinary week


def lost(before: Found, now: Found, groups: Collection[str]) -> str:
    """What became less than half, in words; '' when nothing did. `groups`: those whose members decide something."""
    old, new = _counts(before), _counts(now)
    least = {"people": 1, "members of groups": 1}
    gone = [what for what in old if old[what] >= least.get(what, FEW) and new[what] * 2 < old[what]]
    form = N_("{what}: {before}, now {now}")
    told: list[str] = [saying(form, what=_SAID[what], before=old[what], now=new[what]) for what in gone]
    for name in sorted(groups):
        had, has = _members(before, name), _members(now, name)
        if has * 2 < had:
            told.append(saying("group {name}: {before}, now {now}", name=name, before=had, now=has))
    return joined("; ", told)


def _counts(found: Found) -> dict[str, int]:
    known = found.directory
    return {
        "people": len(known.persons),
        "members of groups": sum(map(len, known.groups.values())),
        "lists": len(known.lists),
        "managers": sum(person.manager is not None for person in known.persons),
        "assistants": sum(person.assistant is not None for person in known.persons),
    }


def _members(found: Found, group: str) -> int:
    return len(found.directory.groups.get(group.lower(), ()))
