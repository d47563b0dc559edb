"""Recipients nobody should write to: at a domain that looks like another, at one that takes no mail, under an order."""

from collections.abc import Iterable
from functools import cache

from mailguard.locale import N_
from mailguard.locale.sayings import counted, joined, saying
from mailguard.mail import address
from mailguard.mail.confusable import foreign
from mailguard.mail.domains import readable, registered
from mailguard.people import NoContact
from mailguard.people.orders import forbids, in_force
from mailguard.records import Familiar
from mailguard.rules import lexicon
from mailguard.rules.facts import Facts
from mailguard.rules.lookalike import resembles

MINE = 3  # mails of the sender to a domain, or
OURS = 5  # copies of anybody's, before others are held against it
REGULAR = 3  # copies to a domain that speak for themselves
_TIMES = 3  # a model is written to so many times more often than what passes for it


def lookalike(facts: Facts, key: str, listed: frozenset[str]) -> str:
    """Why the domain of this recipient, or of a list's member, passes for a better known one; '' when it does not.

    `listed`: registered domains that the rules' own lists name.
    """
    return next(filter(None, (_like(facts, one, listed) for one in _reached(facts, key))), "")


def _reached(facts: Facts, key: str) -> list[str]:
    return [one for one in sorted(facts.people.expand(key)) if facts.people.external(one)]


def _like(facts: Facts, key: str, listed: frozenset[str]) -> str:
    domain = registered(address.domain(key))
    found = facts.once(("passes for", domain), lambda: _model(facts, domain, listed))
    if not found:
        return ""
    letter = foreign(readable(domain))
    if not letter:
        return saying("{address}: the domain looks like {model}", address=key, model=found)
    form = N_("{address}: the domain, spelt with the letter {letter}, looks like {model}")
    return saying(form, address=key, letter=letter, model=found)


def _model(facts: Facts, domain: str, listed: frozenset[str]) -> str:
    """The domain that this one passes for, with what makes it known; '' for none."""
    people = facts.people
    ours = {registered(name.removeprefix("*.")) for name in people.organization.domains}
    named = listed | people.partners
    if domain.startswith("[") or domain in ours or domain in popular() or domain in named:
        return ""
    familiar = facts.familiar or Familiar()
    seen = max(_written(familiar, domain), familiar.ours.get(domain, 0))
    if seen >= REGULAR:
        return ""
    near = next((model for model in sorted(ours) if resembles(domain, model, certain=True)), "")
    if near:
        return saying("our own {domain}", domain=near)
    if found := _written_to(familiar, domain, seen * _TIMES):
        return found
    near = next((model for model in sorted(named) if resembles(domain, model)), "")
    return near or next((model for model in popular() if resembles(domain, model, certain=True)), "")


def _written_to(familiar: Familiar, domain: str, least: int) -> str:
    """The domain often written to that this one passes for, rather the sender's own than a colleague's."""
    models = [model for model in familiar.ours.near(domain) | _new(familiar) if resembles(domain, model)]
    times, near = max(((_written(familiar, model), model) for model in models), default=(0, ""))
    if times >= max(MINE, least):
        return counted(
            "{domain}, which you wrote to {number} time", "{domain}, which you wrote to {number} times", times,
            domain=near,
        )  # fmt: skip
    times, near = max(((familiar.ours.get(model, 0), model) for model in models), default=(0, ""))
    if times < max(OURS, least):
        return ""
    return counted(
        "{domain}, which was written to {number} time from here",
        "{domain}, which was written to {number} times from here", times, domain=near,
    )  # fmt: skip


def _written(familiar: Familiar, domain: str) -> int:
    """The sender's mails to a registered domain."""
    near = [(key, times) for key, times in familiar.mine.items() if key.endswith(domain)]
    return sum(times for key, times in near if registered(address.domain(key)) == domain)


def _new(familiar: Familiar) -> set[str]:
    """Domains of the sender that were first written to since everybody's were read."""
    hosts = {key.rpartition("@")[2] for key in familiar.mine}
    return set(map(registered, hosts - familiar.ours.keys())) - familiar.ours.keys()


@cache
def popular() -> dict[str, None]:
    """Big providers, in the order of the list: never taken for one another."""
    return dict.fromkeys(
        registered(address.a_label(name)) for name in (*lexicon.words("freemail"), *lexicon.words("popular"))
    )


def undeliverable(facts: Facts, key: str) -> bool:
    """Whether DNS said that this recipient's domain, or a list member's, takes no mail."""
    return bool(why_undeliverable(facts, key))


def why_undeliverable(facts: Facts, key: str) -> str:
    bad = facts.reach.bad if facts.reach is not None else {}
    found = ((one, bad.get(address.domain(one))) for one in _reached(facts, key))
    return joined("; ", (joined(": ", (one, why)) for one, why in found if why))


def silent(facts: Facts, keys: Iterable[str]) -> str:
    """What DNS did not say of these recipients' domains."""
    if facts.reach is None:
        return saying("no domain was looked up")
    asked = {address.domain(one) for key in keys for one in _reached(facts, key)}
    quiet = sorted(asked & facts.reach.silent)
    return saying("DNS did not speak about {domains}", domains=", ".join(quiet)) if quiet else ""


def no_contact(facts: Facts, key: str) -> bool:
    """Whether an order of people.yaml keeps the sender from this recipient."""
    return order_for(facts, key) is not None


def order_for(facts: Facts, key: str) -> NoContact | None:
    """The order in force that stands between the sender and this recipient."""
    orders = facts.people.no_contact
    return facts.once(("order", key), lambda: next((order for order in orders if _binds(facts, order, key)), None))


def approvers(facts: Facts) -> tuple[str, ...]:
    """Whoever the orders that bind this mail name as their approver."""
    orders = filter(None, (order_for(facts, key) for key in facts.recipients))
    return tuple(dict.fromkeys(order.approver for order in orders if order.approver))


def _binds(facts: Facts, order: NoContact, key: str) -> bool:
    people = facts.people
    writers = (facts.sender, *facts.written_as)
    return in_force(order, people, facts.now) and all(forbids(order, people, one, key) for one in writers)


def why_no_contact(facts: Facts, key: str) -> str:
    order = order_for(facts, key)
    if order is None:
        return ""
    said = saying("{address} must not be written to", address=key)
    if order.until:
        said = saying("{address} must not be written to until {day}", address=key, day=order.until.isoformat())
    return joined(": ", (said, order.reason)) if order.reason else said
