"""Whose approval a mail waits for: found, their delegates while they are away, and never its sender."""

from collections.abc import Iterable

from mailguard.people import People
from mailguard.rules.actions import Approval, Escalation, persons
from mailguard.rules.facts import Facts
from mailguard.rules.settings import HoldSettings


def asked(approval: Approval, facts: Facts, settings: HoldSettings) -> tuple[str, ...]:
    """Nobody approves their own mail. When too few are found the fallback person is asked: it never opens."""
    inside = _inside(persons(approval.approved_by, facts), facts)
    if len(inside) < approval.of:
        inside.setdefault(facts.people.canonical(settings.fallback), settings.fallback)
    others = {key: person for key, person in inside.items() if not _own(person, facts)}
    return tuple((others or inside).values())


def needed(approval: Approval, who: Iterable[str], facts: Facts) -> int:
    """How many of them, also where there are fewer: then nobody can let it go, and it comes back."""
    people = tuple(who)
    alone = all(_own(person, facts) for person in people)
    return max(approval.of, len(people) + 1) if alone else approval.of


def others(escalation: Escalation, who: Iterable[str], facts: Facts, settings: HoldSettings) -> tuple[str, ...]:
    """Who is asked later as well; the fallback person where nobody else is found."""
    canonical = facts.people.canonical
    already = {canonical(person) for person in who}
    found = _inside(persons(escalation.to, facts), facts) or {canonical(settings.fallback): settings.fallback}
    return tuple(one for key, one in found.items() if key not in already and not _own(one, facts))


def _inside(found: Iterable[str], facts: Facts) -> dict[str, str]:
    """By canonical address: who is asked for these people today, without outsiders and the sender."""
    people = facts.people
    day = facts.now.astimezone(people.organization.clock_zone).date()
    chosen = [_stand_in(person, people.stand_in(person, day), facts) for person in found]
    return {people.canonical(one): one for one in chosen if not people.external(one) and not _own(one, facts)}


def _stand_in(person: str, delegate: str, facts: Facts) -> str:
    """The delegate, unless that is the sender: nobody was made a delegate to approve their own mail."""
    return person if _own(delegate, facts) or facts.people.external(delegate) else delegate


def _own(person: str, facts: Facts) -> bool:
    people: People = facts.people
    return people.canonical(person) == people.canonical(facts.sender) or people.shares(facts.sender, person)
