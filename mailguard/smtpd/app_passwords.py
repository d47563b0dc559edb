"""Passwords of single devices: people make them on the web, the store knows them, another way may stand beside."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.errors import MailguardError
from mailguard.people import People
from mailguard.records import AppPassword
from mailguard.smtpd.auth import Authenticator, Slowdown, User, cannot_say, wrong
from mailguard.smtpd.users import FileUsers
from mailguard.store.base import Store


class AppPasswords:
    """Whose device it is, asked of the store each time: what was revoked opens nothing from then on.

    `on`: there are some. `listed`: people.yaml or the directory must name who has one, so that who left it is out.
    """

    def __init__(
        self, store: Store, people: Callable[[], People], clock: Clock, failure: Callable[[str, BaseException], None],
        *, on: bool = True, listed: bool = False,
    ) -> None:  # fmt: skip
        self._store, self._people, self._clock, self._failure = store, people, clock, failure
        self._on, self._listed, self.slowdown = on, listed, Slowdown(clock)
        self.barred: frozenset[str] = frozenset()  # whom users.yaml disables

    def admits(self, name: str) -> bool:
        """Whether somebody may send who logged in so, whom users.yaml need not name."""
        mailbox = self._people().mailbox
        return self._on and mailbox(name) not in map(mailbox, self.barred) and bool(self._addresses(name))

    async def user(self, name: str, password: str, file: FileUsers | None) -> User | None:
        """Who logs in with this; None for no app password. PermanentFailure: `file` has them disabled.

        TemporaryFailure 454 4.7.0 when the store can't be asked.
        """
        addresses = self._addresses(name)
        if not addresses or not tokens.like_app_password(password):
            return None
        main, mailbox = self._people().main, self._people().mailbox
        person = main(addresses[0])
        digest = tokens.app_password_digest(person, password)
        try:
            found = await self._store.app_password(digest)
        except MailguardError:
            raise cannot_say("passwords can't be checked at the moment: try again later") from None
        if found is None:
            return None
        entry = await file.owner(lambda one: main(one) == person) if file is not None else None
        if entry is None and file is not None and await file.owner(lambda one: mailbox(one) == mailbox(person)):
            raise wrong()  # another spelling of that entry's mailbox would be a login of its own
        explicit = tuple(one for one in entry.send_as if not one.startswith("*")) if entry else ()
        await self._used(digest, found)
        return User(entry.name if entry else addresses[0], explicit or addresses, partial(self._known, digest, person))

    async def keep_here(self, name: str, password: str, peer: str) -> None:
        """PermanentFailure for what has the form of one: revoked or mistyped, no other server is to see it."""
        if self._on and tokens.like_app_password(password):
            await self.refuse(name, peer)

    async def refuse(self, name: str, peer: str) -> NoReturn:
        """PermanentFailure 535, after this client's wait."""
        await self.slowdown.turn(name, peer)
        self.slowdown.failed(name, peer)
        raise wrong()

    def _addresses(self, name: str) -> tuple[str, ...]:
        people = self._people()
        return people.writes_as(name) if "@" in name and (not self._listed or people.person(name)) else ()

    async def _known(self, digest: bytes, person: str) -> bool:
        """Not revoked, and of somebody who is still there: whoever left the directory meanwhile is not."""
        return bool(self._addresses(person)) and await self._store.app_password(digest) is not None

    async def _used(self, digest: bytes, found: AppPassword) -> None:
        """The day, and no more: where somebody is at what hour is nobody's business. A full disk keeps nobody out."""
        today = self._clock.now().date()
        if found.used_on == today:
            return
        try:
            await self._store.app_password_used(digest, today)
        except MailguardError as error:
            self._failure("app password", error)


@dataclass(frozen=True, slots=True)
class WithAppPasswords:
    """An Authenticator: an app password, or what `others` know. `file`: where a login may be disabled."""

    app_passwords: AppPasswords
    others: Authenticator | None
    file: FileUsers | None

    async def check(self, name: str, password: str, peer: str) -> User:
        found = await self.app_passwords.user(name, password, self.file)
        if found is not None:
            return found
        if self.others is None:
            await self.app_passwords.refuse(name, peer)
        if self.file is None:
            await self.app_passwords.keep_here(name, password, peer)
        return await self.others.check(name, password, peer)
