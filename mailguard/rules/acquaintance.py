"""What the sender's past says of a recipient: unexpected, never written to, or the name of somebody they know."""

from collections.abc import Iterable, Mapping

from mailguard.locale import N_
from mailguard.locale.sayings import counted, saying
from mailguard.mail import address
from mailguard.mail.domains import registered
from mailguard.people import names
from mailguard.rules.facts import Facts

USUAL = 3  # mails to an address before it is the one usually written to


def unexpected(facts: Facts, key: str) -> bool:
    return _among(facts.unexpected, facts, key)


def why_unexpected(facts: Facts, key: str) -> str:
    return (facts.unexpected or {}).get(key, "")


def first_contact(facts: Facts, key: str) -> bool:
    return _among(facts.first_contact, facts, key)


def why_first(facts: Facts, key: str) -> str:
    return (facts.first_contact or {}).get(key, "")


def unknown(facts: Facts, _keys: Iterable[str]) -> str:
    """Whether the sender is still being learnt."""
    learning = facts.unexpected is None and facts.first_contact is None
    return saying("too little of the sender's mail has been seen") if learning else ""


def _among(found: Mapping[str, str] | None, facts: Facts, key: str) -> bool:
    return bool(found) and key in (found or {}) and not oneself(facts, key) and not spelt_otherwise(facts, key)


def spelt_otherwise(facts: Facts, key: str) -> bool:
    """An alias, or dots and tags that do not matter there: the sender knows this mailbox by another address."""
    return facts.once(("spelt otherwise", key), lambda: _spelt_otherwise(facts, key))


def _spelt_otherwise(facts: Facts, key: str) -> bool:
    mine = facts.familiar.mine if facts.familiar is not None else {}
    return key not in mine and _written(facts, key, mine)


def oneself(facts: Facts, key: str) -> bool:
    """A copy to oneself says nothing."""
    return facts.people.mailbox(key) == facts.people.mailbox(facts.sender)


def namesake(facts: Facts, key: str) -> bool:
    """The name of somebody usually written to elsewhere, at an address that is new to the sender."""
    return facts.once(("namesake", key), lambda: _usual(facts, key)) is not None


def why_namesake(facts: Facts, key: str) -> str:
    found = facts.once(("namesake", key), lambda: _usual(facts, key))
    if found is None:
        return ""
    usual, times = found
    if not times:
        form = N_("{address} has the name of somebody else: people.yaml knows {usual}, and never to this address")
        return saying(form, address=key, usual=usual)
    return counted(
        "{address} has the name of somebody else: you wrote to {usual} {number} time, and never to this address",
        "{address} has the name of somebody else: you wrote to {usual} {number} times, and never to this address",
        times, address=key, usual=usual,
    )  # fmt: skip


def _usual(facts: Facts, key: str) -> tuple[str, int] | None:
    """The address of that name which is usually written to, and how often; 0: a colleague, from people.yaml."""
    called = _called(facts, key)
    if not called or facts.familiar is None or oneself(facts, key) or _written(facts, key, facts.familiar.mine):
        return None
    here = set(map(facts.people.mailbox, facts.recipients))
    hints = {max(name, key=len) for name in called}  # taking thousands of names apart takes milliseconds
    others = [
        (times, other)
        for other, times in facts.familiar.mine.items()
        if times >= USUAL and (not other.isascii() or any(hint in other for hint in hints))
        if names.of_mailbox(other) in called and _elsewhere(facts, other, key, here)
    ]
    if others:
        times, usual = max(others)
        return usual, times
    return _colleague(facts, key, called, here)


def _colleague(facts: Facts, key: str, called: set[frozenset[str]], here: set[str]) -> tuple[str, int] | None:
    """A name that people.yaml knows, at an address outside."""
    if not facts.people.external(key):
        return None
    for person in (person for name in called for person in facts.people.named(name)):
        if not oneself(facts, person.address) and _elsewhere(facts, person.address, key, here):
            return person.address, 0
    return None


def _elsewhere(facts: Facts, other: str, key: str, here: set[str]) -> bool:
    """Another firm's mailbox, and not among the recipients: who writes to both knows both."""
    people = facts.people
    mine, theirs = registered(other.rpartition("@")[2]), registered(key.rpartition("@")[2])
    siblings = mine.partition(".")[0] == theirs.partition(".")[0]
    both_ours = not people.external(other) and not people.external(key)
    return not siblings and not both_ours and people.mailbox(other) not in here


def _written(facts: Facts, key: str, mine: Mapping[str, int]) -> bool:
    """Whether the sender wrote to this mailbox, by whichever of its addresses."""
    people = facts.people
    person = people.person(key)
    if key in mine or (person and not mine.keys().isdisjoint(map(address.key, (person.address, *person.aliases)))):
        return True
    box = people.mailbox(key)
    return any(
        one[:1] == key[:1] and people.mailbox(one) == box for one in mine
    )  # no spelling changes the first letter


def _called(facts: Facts, key: str) -> set[frozenset[str]]:
    """What the address and its display name call this recipient, where that is enough for one person."""
    shown = facts.once("shown", lambda: _shown(facts)).get(key, "")
    return {name for name in (names.of_mailbox(key), names.parts(shown)) if name}


def _shown(facts: Facts) -> dict[str, str]:
    return {address.key(box.address): box.name for box in facts.message.mailboxes("to", "cc", "bcc")}


def stranger(facts: Facts, _keys: Iterable[str]) -> str:
    """Whether it is known at all whom the sender writes to."""
    return saying("whom the sender writes to") if facts.familiar is None else ""
