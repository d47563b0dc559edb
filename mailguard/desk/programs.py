"""What programs may see and do: by a token with a role, or with the session of a person who is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.desk.desk import Desk
from mailguard.desk.look import View
from mailguard.mail import address
from mailguard.people.access import RIGHTS, Right
from mailguard.records import Actor, Event, Mail, Power, Role
from mailguard.store.base import Filter, Store

PERSONAL = frozenset({Role.SENDER, Role.APPROVER})
"""Roles that are about one person's mail: their token names the person."""
_ALL_MAIL = frozenset(role for role, rights in RIGHTS.items() if Right.SEE in rights) - PERSONAL
_OWN: Mapping[Role, frozenset[str]] = {
    Role.SENDER: frozenset({"stop", "send", "drop", "cancel"}),
    Role.APPROVER: frozenset({"stop", "send"}),
}
_OTHERS: Mapping[Right, frozenset[str]] = {
    Right.STOP: frozenset({"stop"}),
    Right.ACT: frozenset({"stop", "send", "drop", "cancel"}),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `via` is what the audit says: outbox, or which token."""

    name: str  # the person, or the token when it is no person's
    role: Role
    via: str
    person: str = ""

    @property
    def actor(self) -> Actor:
        return Actor(self.name, self.via)


class Programs:
    """The desk as programs see it: the same powers, ticks and nonces as on the pages."""

    def __init__(self, desk: Desk, store: Store, clock: Clock) -> None:
        self.desk, self._store, self._clock = desk, store, clock

    async def caller(self, token: str) -> Caller | None:
        """Whose token this is; None for one that is unknown, revoked or expired, alike."""
        found = await self._store.token(tokens.digest(token), self._clock.now())
        if found is None:
            return None
        if found.person:
            return Caller(found.person, found.role, f"token {found.name}", found.person)
        return Caller(found.name, found.role, "token")

    def signed_in(self, person: str) -> Caller:
        """A person with a web session: what they may do in the outbox."""
        return Caller(person, Role.SENDER, "outbox", person)

    async def mails(self, caller: Caller, what: Filter) -> list[Mail]:
        """Those of them that this caller may see, newest first."""
        if caller.role is Role.SENDER:
            what = replace(what, answers=address.key(caller.person))
        elif caller.role is Role.APPROVER:
            what = replace(what, approver=address.key(caller.person))
        return await self._store.find(what)

    async def view(self, caller: Caller, queue_id: str) -> View | None:
        """One mail; None for a foreign or absent one, alike."""
        mail = await self._store.get(queue_id)
        if mail is None or not _concerns(caller, mail):
            return None
        power = Power.APPROVER if caller.role is Role.APPROVER else Power.SENDER
        view = await self.desk.view_of(mail, caller.name, power, caller.via, frozenset())
        return replace(view, allowed=view.allowed & _may(caller.role))

    async def events(self, queue_id: str) -> list[Event]:
        """The history of a mail that `view` showed."""
        return await self._store.events(queue_id)


def _may(role: Role) -> frozenset[str]:
    if role in PERSONAL:
        return _OWN[role]
    return frozenset[str]().union(*(_OTHERS.get(right, frozenset()) for right in RIGHTS[role]))


def _concerns(caller: Caller, mail: Mail) -> bool:
    who = address.key(caller.person)
    if caller.role is Role.SENDER:
        return address.key(mail.answers) == who
    if caller.role is Role.APPROVER:
        return any(who in map(address.key, hold.approvers) for hold in mail.holds)
    return caller.role in _ALL_MAIL
