"""Logins by an access token of an OpenID provider: whoever it speaks of, if that is somebody of ours."""

from collections.abc import Awaitable, Callable

from mailguard.clock import Clock
from mailguard.errors import PermanentFailure
from mailguard.mail import address as addresses
from mailguard.oidc import BearerSettings, NotProven, Unreachable
from mailguard.smtpd.auth import TokenRefused, User, cannot_say, vouched
from mailguard.smtpd.users import FileUsers
from mailguard.smtpd.watching import Watcher

Whose = Callable[[str], Awaitable[str]]
"""Whose token it is, as an address. NotProven, or Unreachable when nobody can tell."""


class TokenUsers:
    """Where there is a users.yaml, only who stands in it; else everybody with an `internal` address.

    `send_as` says which addresses a name may use where no file does.
    """

    def __init__(
        self,
        settings: BearerSettings,
        whose: Whose,
        clock: Clock,
        watcher: Watcher,
        internal: Callable[[str], bool],
        send_as: Callable[[str], tuple[str, ...]],
        file: FileUsers | None = None,
    ) -> None:
        self.settings = settings
        self._whose, self._clock, self._watcher = whose, clock, watcher
        self._internal, self._send_as, self._file = internal, send_as, file

    async def check(self, token: str, name: str) -> User:
        """Who comes with this token; `name` is whom the client says, or ''.

        TokenRefused 535 5.7.8 when it proves nothing, TemporaryFailure 454 4.7.0 when nobody can tell.
        """
        try:
            mailbox = await self._whose(token) if token else ""
        except NotProven as error:
            raise TokenRefused(str(error)) from error
        except Unreachable as error:
            self._watcher.logins_down("smtp.users.oauth", str(error))
            raise cannot_say("tokens can't be checked at the moment: try again later") from None
        if not token:
            raise TokenRefused("there is none")
        user = await self._user(mailbox)
        if name and addresses.key(name) not in (addresses.key(mailbox), addresses.key(user.name)):
            raise TokenRefused(f"it is a token of {mailbox}")
        return vouched(user, self._clock)

    async def _user(self, mailbox: str) -> User:
        try:
            addresses.check(mailbox, smtputf8=True)
        except PermanentFailure as error:
            raise TokenRefused(error.text) from error
        if not self._internal(mailbox):
            raise TokenRefused(f"{mailbox} is outside organization.domains")
        if self._file is None:
            return User(mailbox, self._send_as(mailbox))
        user = await self._file.of_mailbox(mailbox)
        if user is None:
            raise TokenRefused(f"{mailbox} is no user of users.yaml, or of two, or disabled there")
        return user
