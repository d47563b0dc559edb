"""Signing in with a login's password and second factor: for when no mail arrives, which is when people are needed."""

from collections.abc import Awaitable, Callable

from mailguard.desk.factor import Factors
from mailguard.desk.sign_in import SignIn
from mailguard.errors import PermanentFailure
from mailguard.log import Log
from mailguard.mail import address
from mailguard.records import Way

LogIn = Callable[[str, str, str], Awaitable[tuple[str, str]]]
"""(name, password, peer) → the login's name and its person's address; PermanentFailure: wrong."""


class Passwords:
    """One answer whatever was wrong, so that nobody learns which it was; the audit says it of our own people."""

    def __init__(self, sign_in: SignIn, factors: Factors, log_in: LogIn, log: Log) -> None:
        self._sign_in, self._factors, self._log_in, self._log = sign_in, factors, log_in, log

    async def signed_in(self, name: str, password: str, code: str, peer: str) -> str | None:
        """A cookie's value. TemporaryFailure: nobody can tell now."""
        login = person = name
        try:
            login, person = await self._log_in(name, password, peer)
            why = await self._factors.wrong(login, code)
        except PermanentFailure:
            why = "a wrong name or password"
        if not why:
            cookie = await self._sign_in.vouched(person, Way.PASSWORD, second=True, name=address.key(login))
            if cookie is not None:
                return cookie
            why = "the login's first address is not a person's of ours"
        await self._refused(login, person, peer, why)
        return None

    async def _refused(self, name: str, person: str, peer: str, why: str) -> None:
        self._log.auth_failed(name, peer, why=why)
        await self._sign_in.refused(person, Way.PASSWORD, why)
