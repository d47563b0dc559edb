"""Whom the rules add to a mail, and whom they must not."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mailguard.mail import address
from mailguard.people import Assistant
from mailguard.records import AddedCopy
from mailguard.rules import actions
from mailguard.rules.actions import ASSISTANT, MANAGER
from mailguard.rules.facts import Facts
from mailguard.rules.rule import Fired


def added(live: Sequence[Fired], facts: Facts) -> tuple[tuple[AddedCopy, ...], frozenset[str]]:
    """The copies the rules add, and the recipients they meant who have one already: those leave now.

    An assistant who is a recipient already gets no second copy, but is told (`notice_only`), with the stop link.
    """
    canonical = facts.people.canonical
    already = {canonical(key): key for key in facts.recipients}
    sender = canonical(facts.sender)
    found: dict[str, AddedCopy] = {}
    present: set[str] = set()
    for wish in _wished(live, facts):
        copy, who = wish, canonical(wish.address)
        if who == sender:
            continue
        if who in already:
            present |= {already[who]} if copy.now else set()
            if not copy.assistant:
                continue
            copy = replace(wish, notice_only=True, visible=False)
        found[who] = _merged(found[who], copy) if who in found else copy
    return tuple(found.values()), frozenset(present)


def _wished(live: Sequence[Fired], facts: Facts) -> Iterable[AddedCopy]:
    for one in live:
        for spec in one.then(actions.Copy):
            yield from _of_rule(one, spec, facts)


def _of_rule(one: Fired, spec: actions.Copy, facts: Facts) -> Iterable[AddedCopy]:
    visible, now = isinstance(spec, actions.Cc), spec.send == "now"
    for target in spec.add:
        if target == ASSISTANT:
            yield from _assistants(one, facts, visible=visible, now=now)
            continue
        meant = facts.people.manager_of(facts.sender) if target == MANAGER else target
        if meant:
            yield AddedCopy(meant, one.rule.id, visible, now, about=one.hit.recipients)


def _assistants(one: Fired, facts: Facts, *, visible: bool, now: bool) -> Iterable[AddedCopy]:
    if _private(facts):
        return
    for key in facts.recipients:
        assistant = facts.people.assistant_of(key) if key in one.hit.recipients else None
        if assistant is None or not _may_see(assistant, key, facts):
            continue
        yield AddedCopy(
            assistant.address, one.rule.id, visible=visible and key not in facts.bcc, now=now,
            notice_only=assistant.sees == "notice", assistant=True, about=frozenset({key}),
        )  # fmt: skip


def _private(facts: Facts) -> bool:
    """Mail that no assistant may see: encrypted, from people or marked as `no_assistant` names."""
    people = facts.people
    marked = {value.strip().casefold() for value in facts.message.all("Sensitivity")}
    barred = {word.casefold() for word in people.no_assistant_sensitivity}
    return facts.encrypted or people.no_assistant(facts.sender) or not marked.isdisjoint(barred)


def _may_see(assistant: Assistant, key: str, facts: Facts) -> bool:
    people = facts.people
    own = people.canonical(assistant.address) == people.canonical(facts.sender)
    return not own and not people.external(assistant.address) and address.key(assistant.address) != key


def _merged(one: AddedCopy, other: AddedCopy) -> AddedCopy:
    """Two rules, or two executives, mean the same person: one copy, as soon and as visible as either asked."""
    return replace(
        one, visible=one.visible or other.visible, now=one.now or other.now,
        notice_only=one.notice_only and other.notice_only, assistant=one.assistant or other.assistant,
        about=one.about | other.about,
    )  # fmt: skip
