"""Passwords of mail clients, which a person makes for each device and takes back."""

from collections.abc import Callable

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.desk.errors import NotConfirmed
from mailguard.locale import N_
from mailguard.notices.words import clean
from mailguard.people import People
from mailguard.records import Actor, AppPassword
from mailguard.store.base import Store

NAME_LIMIT = 60  # characters of a device's name


class AppPasswords:
    """`most` of one person; 0: there are none."""

    def __init__(self, store: Store, people: Callable[[], People], clock: Clock, most: int) -> None:
        self._store, self._people, self._clock, self.most = store, people, clock, most

    async def of(self, person: str) -> list[AppPassword]:
        return await self._store.app_passwords(self._people().main(person))

    async def all(self) -> list[AppPassword]:
        """Everybody's."""
        return await self._store.app_passwords()

    async def make(self, person: str, name: str) -> str:
        """The one time that it is seen. Raises NotConfirmed with what is wrong."""
        name, who = clean(name, NAME_LIMIT), self._people().main(person)
        if not name:
            raise NotConfirmed(N_("Give the device a name by which you will know it again."))
        if not self._people().writes_as(person):
            raise NotConfirmed(
                N_("Nobody logs in with this address: it is a list’s, a machine’s, or another spelling of somebody’s.")
            )
        if len(await self.of(person)) >= self.most:
            raise NotConfirmed(N_("You have {most} of them, and no more are allowed: revoke one."), most=str(self.most))
        secret, now = tokens.new_app_password(), self._clock.now()
        digest = tokens.app_password_digest(who, secret)
        made = AppPassword(who, name, now)
        if not await self._store.add_app_password(made, digest, by=Actor(person, "outbox"), now=now):
            raise NotConfirmed(N_("There is one for “{name}” already: revoke it, or choose another name."), name=name)
        return secret

    async def revoke(self, person: str, name: str, by: Actor) -> bool:
        """At once, also for a client that is logged in. False: there is none of that name."""
        who = self._people().main(person)
        return await self._store.drop_app_password(who, name, by=by, now=self._clock.now())
