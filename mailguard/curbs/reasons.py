"""From a reason to be stricter to its curb: pure, but for the people and hours it is told of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from mailguard.locale import saying
from mailguard.mail import address
from mailguard.people import NoContact, People
from mailguard.people.orders import forbids, in_force
from mailguard.records import Curb
from mailguard.rules.settings import HoldSettings

FROZEN, DISABLED, ORDER = "frozen/", "disabled/", "order/"


@dataclass(frozen=True, slots=True)
class Standing:
    """A reason that was remembered: its name in the store, since when, and what its kind needs besides."""

    name: str
    since: datetime
    login: str = ""
    why: str = ""
    order: NoContact | None = field(default=None, compare=False)

    @property
    def about(self) -> str:
        """The name without its kind."""
        return self.name.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Makes curbs. `people` is asked anew each time."""

    people: Callable[[], People]
    holds: HoldSettings

    def curb(self, standing: Standing, now: datetime) -> Curb | None:
        """What it means for mail received before; None: nothing, as of an order whose last day is over."""
        if standing.name.startswith(ORDER):
            return self._order(standing, now)
        frozen = standing.name.startswith(FROZEN)
        reason = saying("the sender's login was disabled")
        if frozen:
            reason = saying("too much was sent: the sender is frozen")
        rule = f"frozen {standing.about}" if frozen else f"disabled login {standing.about}"
        approvers = (self.holds.fallback,)
        return Curb(rule, reason, standing.since, approvers, self._expiry(now), login=standing.login)

    def _order(self, standing: Standing, now: datetime) -> Curb | None:
        order, people = standing.order, self.people()
        if order is None or not in_force(order, people, now):
            return None
        return Curb(
            f"no-contact {order.pattern}", order.reason or saying("nobody may write to this address"),
            standing.since, (order.approver or self.holds.fallback,), self._expiry(now),
            reaches=partial(forbids, order, people), tell_sender=True,
        )  # fmt: skip

    def _expiry(self, now: datetime) -> datetime:
        return self.holds.after(now, self.holds.expires, self.people().organization)


def order_name(order: NoContact) -> str:
    """An order is the same as long as it binds the same: another reason or approver makes no other one of it."""
    terms = f" until {order.until}" if order.until else ""
    besides = f" except {', '.join(sorted(map(address.key, order.exempt)))}" if order.exempt else ""
    return f"{ORDER}{address.key(order.pattern)}{terms}{besides}"
