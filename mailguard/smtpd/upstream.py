"""Logins that another server knows: a name and password are right when they open a session there."""

from collections.abc import Awaitable, Callable

from mailguard.clock import Clock
from mailguard.errors import MailguardError
from mailguard.smtpd.auth import Remembered, Slowdown, User, cannot_say, vouched, wrong

TryLogin = Callable[[str, str, str], Awaitable[bool]]
"""(HOST:PORT, name, password) → whether the login is right there, over TLS; raises when nobody can tell."""


def own_address(name: str) -> tuple[str, ...]:
    """Somebody who logs in with a whole address may send as that address."""
    return (name,) if "@" in name else ()


class UpstreamUsers:
    """An Authenticator. `send_as` says which addresses a name may use: the other server doesn't tell us."""

    def __init__(
        self,
        server: str,
        try_login: TryLogin,
        clock: Clock,
        send_as: Callable[[str], tuple[str, ...]] = own_address,
    ) -> None:
        self._server, self._try_login, self._send_as, self._clock = server, try_login, send_as, clock
        self._remembered, self._slowdown = Remembered(clock), Slowdown(clock)

    async def check(self, name: str, password: str, peer: str) -> User:
        if not self._remembered.has(name, password):
            await self._slowdown.turn(name, peer)
            if not await self._ask(name, password):
                self._slowdown.failed(name, peer)
                raise wrong()
            self._remembered.add(name, password)
        self._slowdown.passed(name, peer)
        return vouched(User(name, self._send_as(name)), self._clock)

    async def _ask(self, name: str, password: str) -> bool:
        try:
            return await self._try_login(self._server, name, password)
        except (OSError, MailguardError):  # TimeoutError and ssl.SSLError are OSErrors
            raise cannot_say("passwords can't be checked at the moment: try again later") from None
