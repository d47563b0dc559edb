"""Logins that an LDAP directory knows: a password is right when the directory lets that person in with it."""

import unicodedata
from collections.abc import Awaitable, Callable

from mailguard.clock import Clock
from mailguard.directory.settings import LdapLogins
from mailguard.directory.words import NoAnswer
from mailguard.smtpd.auth import Slowdown, User, cannot_say, vouched, wrong
from mailguard.smtpd.turns import Turns
from mailguard.smtpd.watching import Watcher

AT_ONCE = 8  # logins that the directory is asked about at the same time

AskDirectory = Callable[[LdapLogins, str, str], Awaitable[tuple[str, ...] | None]]
"""(how, name, password) → the person's addresses, None when the login is wrong; NoAnswer when nobody can tell."""


class DirectoryUsers:
    """An Authenticator. Nothing is remembered: who is locked out there is locked out here with the next login.

    Who logs in is known by the main address, whatever they typed: one person has one quota. Addresses there that are
    not `internal` are not taken: who writes the directory decides over our own domains only.
    """

    def __init__(
        self, how: LdapLogins, ask: AskDirectory, clock: Clock, internal: Callable[[str], bool], watcher: Watcher
    ) -> None:
        self._how, self._ask, self._internal, self._watcher = how, ask, internal, watcher
        self._clock, self._slowdown = clock, Slowdown(clock)
        self._turns = Turns(self._slowdown.failed_lately, AT_ONCE)

    async def check(self, name: str, password: str, peer: str) -> User:
        name = _as_compared(name)
        await self._slowdown.turn(name, peer)
        async with self._turns.turn(name, peer):
            found = await self._asked(name, password)
        if found is None:
            self._slowdown.failed(name, peer)
            raise wrong()
        self._slowdown.passed(name, peer)
        own = tuple(address for address in found if self._internal(address))
        return vouched(User(own[0] if own else name, own), self._clock)

    async def _asked(self, name: str, password: str) -> tuple[str, ...] | None:
        try:
            return await self._ask(self._how, name, password)
        except NoAnswer as error:
            self._watcher.logins_down("smtp.users.ldap", f"{error}: {error.help}" if error.help else str(error))
            raise cannot_say("passwords can't be checked at the moment: try again later") from None


def _as_compared(name: str) -> str:
    """One form of what a directory takes for one name (RFC 4518): else each spelling had its own slowdown.

    PermanentFailure for letters that nobody sees: there they are nothing.
    """
    found = " ".join(unicodedata.normalize("NFKC", name).split())
    if not found.isprintable():
        raise wrong()
    return found
