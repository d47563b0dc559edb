"""No-contact orders: whether one is in force, and whom it keeps from whom."""

from datetime import datetime

from mailguard.mail.address import key
from mailguard.people.fields import Pattern
from mailguard.people.people import NoContact, People


def in_force(order: NoContact, people: People, now: datetime) -> bool:
    """Its last day counts, in the organization's zone."""
    return order.until is None or now.astimezone(people.organization.clock_zone).date() <= order.until


def forbids(order: NoContact, people: People, sender: str, recipient: str) -> bool:
    """Whether the order keeps this sender from this recipient; a list is whoever is in it."""
    if people.mailbox(sender) in map(people.mailbox, order.exempt):
        return False
    reached = {key(recipient), people.canonical(recipient), *people.expand(recipient)}
    boxes = set(map(people.mailbox, reached))
    pattern = Pattern(order.pattern)
    return any(map(pattern.matches, reached | boxes)) or (
        "*" not in order.pattern and people.mailbox(order.pattern) in boxes
    )
