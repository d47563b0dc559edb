"""What a well-formed people.yaml can still get wrong."""

from collections.abc import Callable, Iterator
from functools import partial

from mailguard.document.model import did_you_mean
from mailguard.document.problem import Problem
from mailguard.document.tree import Document, Loc
from mailguard.mail.address import key
from mailguard.people.file import PeopleFile, PersonEntry
from mailguard.people.people import People

Report = Callable[..., Problem]


def check(document: Document, file: PeopleFile, people: People) -> Iterator[Problem]:
    """Every finding about who these people are to each other."""
    yield from _twice(document, file, people)
    for number, person in enumerate(file.people):
        report = partial(document.problem, context=person.address)
        yield from _person(report, ("people", number), person, people)
    yield from _groups(document, file, people)
    yield from _lists(document, file, people)
    yield from _orders(document, file, people)


def _twice(document: Document, file: PeopleFile, people: People) -> Iterator[Problem]:
    mailbox = people.organization.spellings.mailbox
    seen: dict[str, tuple[str, Loc, str]] = {}
    for number, person in enumerate(file.people):
        places: list[tuple[str, Loc]] = [(person.address, ("people", number, "address"))]
        places += [(alias, ("people", number, "aliases", at)) for at, alias in enumerate(person.aliases)]
        for address, loc in places:
            owner, there, same = seen.setdefault(mailbox(key(address)), (person.address, loc, key(address)))
            if there is not loc and (owner != person.address or same == key(address)):
                line = document.mark(there)[0]
                message = f"{address} already belongs to {owner} (line {line})"
                yield document.problem(loc, "MG302", message, "an address has one owner: keep one of the two")
    for name in file.lists:
        if mailbox(key(name)) in seen:
            message = f"{name} is a person's address and a list's"
            yield document.problem(("lists", name), "MG310", message, "keep one of the two", key=True)


def _person(report: Report, at: Loc, person: PersonEntry, people: People) -> Iterator[Problem]:
    said = person.assistant
    assistant = said if isinstance(said, str) or said is None else said.address
    place = (*at, "assistant") if isinstance(said, str) else (*at, "assistant", "address")
    for role, address, loc in (
        ("assistant", assistant, place),
        ("manager", person.manager, (*at, "manager")),
        ("owner", person.owner, (*at, "owner")),
        ("delegate", person.delegate.to if person.delegate else None, (*at, "delegate", "to")),
    ):
        if address is not None:
            yield from _role(partial(report, loc), role, address, person, people)
    if not people.organization.owns(person.address):
        message = f"{person.address} is outside our domains and counts as external"
        how = "add the domain to organization.domains if it is ours"
        yield report((*at, "address"), "MG304", message, how, severity="warning")
    yield from _service(report, at, person)
    yield from _shared(report, at, person, people)


def _role(report: Report, role: str, address: str, person: PersonEntry, people: People) -> Iterator[Problem]:
    if people.canonical(address) == key(person.address):
        yield report("MG308", f"{address} is their own {role}", f"name another {role}, or remove the key")
    elif people.external(address):
        message = f"the {role} {address} is outside the organization"
        own = ", ".join(people.organization.domains)
        yield report("MG303", message, f"name someone in {own}: mail and links go to them")
    elif role != "manager" and people.service(address):
        yield report("MG305", f"the {role} {address} is a service", "name a person, who reads the mailbox")


def _service(report: Report, at: Loc, person: PersonEntry) -> Iterator[Problem]:
    if person.service and person.owner is None:
        how = "for example owner: it@corp.example"
        yield report((*at, "service"), "MG305", f"the service {person.address} has no owner", how, key=True)
    if person.owner is not None and not person.service:
        message = f"{person.address} has an owner but is no service"
        how = "add service: true, or remove owner"
        yield report((*at, "owner"), "MG309", message, how, severity="warning", key=True)


def _shared(report: Report, at: Loc, person: PersonEntry, people: People) -> Iterator[Problem]:
    if person.members and not person.shared:
        message = f"{person.address} has members but is no shared mailbox"
        how = "add shared: true; a distribution list stands under lists"
        yield report((*at, "members"), "MG309", message, how, severity="warning", key=True)
    if person.shared and person.service:
        message = f"{person.address} is shared by people and a service, which nobody reads"
        yield report((*at, "shared"), "MG309", message, "keep one of the two", severity="warning", key=True)
    for number, member in enumerate(person.members):
        if people.external(member):
            own = ", ".join(people.organization.domains)
            message = f"the member {member} is outside the organization"
            yield report((*at, "members", number), "MG303", message, f"name someone in {own}")


def _groups(document: Document, file: PeopleFile, people: People) -> Iterator[Problem]:
    for at, group in enumerate(file.no_assistant.groups):
        if group not in people.groups:
            how = did_you_mean(group, sorted(people.groups))
            yield document.problem(("no_assistant", "groups", at), "MG306", f'unknown group "{group}"', how)


def _lists(document: Document, file: PeopleFile, people: People) -> Iterator[Problem]:
    for name, entry in file.lists.items():
        warn = partial(document.problem, ("lists", name), severity="warning", key=True)
        if not people.organization.owns(name):
            how = "only lists of ours are expanded for sure; check the address"
            yield warn(code="MG304", message=f"the list {name} is outside our domains", help=how)
        if not entry.members:
            yield warn(code="MG309", message=f"the list {name} has no members", help="add members, or remove it")
    yield from _loops(document, file)
    for at, pattern in enumerate(file.list_patterns):
        if not people.organization.owns("x@" + pattern.rpartition("@")[2].replace("*", "x")):
            message = f"{pattern} is outside our domains, so it is external anyway"
            yield document.problem(("list_patterns", at), "MG309", message, "remove it", severity="warning")


def _loops(document: Document, file: PeopleFile) -> Iterator[Problem]:
    """Lists that lead back to themselves, each loop once."""
    inside = {key(name): [key(member) for member in entry.members if key(member)] for name, entry in file.lists.items()}
    written = {key(name): name for name in file.lists}
    done: set[str] = set()
    for start in inside:
        trail: list[str] = []
        waiting = [(start, 0)]
        while waiting:
            name, depth = waiting.pop()
            del trail[depth:]
            if name in trail:
                loop = " → ".join([written[step] for step in trail[trail.index(name) :]] + [written[name]])
                how = "it is expanded once; remove it from one of them"
                message = f"a list contains itself: {loop}"
                yield document.problem(("lists", written[name]), "MG307", message, how, severity="warning", key=True)
            elif name in inside and name not in done:
                trail.append(name)
                done.add(name)
                waiting += [(member, depth + 1) for member in inside[name]]


def _orders(document: Document, file: PeopleFile, people: People) -> Iterator[Problem]:
    for at, order in enumerate(file.no_contact):
        if order.approver is not None and people.external(order.approver):
            message = f"the approver {order.approver} is outside the organization"
            how = "name someone inside: they are sent the mail's link"
            yield document.problem(("no_contact", at, "approver"), "MG303", message, how)
