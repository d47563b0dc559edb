"""Logins of users.yaml, with argon2id; what is changed in the file is live at the next login."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError
from pydantic import Field, field_validator, model_validator

from mailguard.clock import Clock
from mailguard.document import model, yaml
from mailguard.document.units import Section
from mailguard.errors import ConfigError
from mailguard.mail import address
from mailguard.smtpd.auth import Remembered, Slowdown, User, wrong
from mailguard.smtpd.settings import SenderPattern
from mailguard.smtpd.turns import Turns
from mailguard.smtpd.watching import Watcher


class UserEntry(Section):
    """One user."""

    name: str = Field(min_length=1, max_length=255)
    """What the client logs in with; capitals don't matter."""
    password: str = Field(repr=False)
    """Its argon2id hash, as `mailguard user add` writes it."""
    send_as: tuple[SenderPattern, ...] = ()
    """Addresses this user may send as; the first is their own mailbox. "*@corp.example" is all of a domain."""
    disabled: bool = False
    """true: cannot log in."""

    @field_validator("password")
    @classmethod
    def _hashed(cls, password: str) -> str:
        try:
            sound = password.startswith("$argon2id$") and bool(extract_parameters(password))
        except InvalidHashError:
            sound = False
        if not sound:
            raise ValueError("that is not an argon2id hash: set the password with `mailguard user passwd NAME`")
        return password


class UserFile(Section):
    """users.yaml."""

    version: Literal[1] = 1
    """The version of this file's form."""
    users: tuple[UserEntry, ...] = ()
    """Everybody who can log in."""

    @model_validator(mode="after")
    def _distinct(self) -> "UserFile":
        seen: set[str] = set()
        for user in self.users:
            if address.key(user.name) in seen:
                raise ValueError(f"two users are called {user.name!r} (capitals don't matter)")
            seen.add(address.key(user.name))
        return self


def hasher() -> PasswordHasher:
    """The parameters OWASP asks for: 19 MiB, two passes, one lane."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """About 30 ms of a processor: not on the event loop."""
    return hasher().hash(password)


def load_users(path: Path) -> dict[str, UserEntry]:
    """By normal form of the name; ConfigError with all problems of the file."""
    document = yaml.read(path)
    file, problems = model.validate(document, UserFile)
    if file is None or problems:
        raise ConfigError(f"{path} is wrong", problems)
    return {address.key(user.name): user for user in file.users}


UsersChanged = Callable[[frozenset[str]], Awaitable[None]]
"""(names, in normal form, of everybody who may log in) → done with it."""


def enabled(users: Mapping[str, UserEntry]) -> frozenset[str]:
    """Who may log in, in normal form."""
    return frozenset(name for name, entry in users.items() if not entry.disabled)


def disabled(users: Mapping[str, UserEntry]) -> frozenset[str]:
    """Whom the file locks out: names and own mailboxes of who can't log in by it, in normal form."""
    barred = [one for entry in users.values() if entry.disabled for one in (entry.name, *entry.send_as[:1])]
    others = [one for entry in users.values() if not entry.disabled for one in (entry.name, *entry.send_as[:1])]
    return frozenset(map(address.key, barred)) - frozenset(map(address.key, others))


class FileUsers:
    """An Authenticator. The file is read at once: ConfigError when it is wrong.

    A file that becomes wrong later leaves the old users live, and the watcher is told once.
    """

    def __init__(self, path: Path, clock: Clock, watcher: Watcher) -> None:
        self._path, self._watcher = path, watcher
        self._stamp = self._file_stamp()
        self._adopt(load_users(path))
        self._remembered, self._slowdown = Remembered(clock), Slowdown(clock)
        self._told: tuple[frozenset[str], frozenset[str]] | None = None
        self._telling = asyncio.Lock()
        self._turns = Turns(self._slowdown.failed_lately)
        self._hasher = hasher()

    def _adopt(self, users: dict[str, UserEntry]) -> None:
        """A name nobody has is checked against a hash as costly as the others: it takes the same time."""
        like = next(iter(users.values()), None)
        parameters = extract_parameters(like.password) if like else None
        maker = PasswordHasher.from_parameters(parameters) if parameters else hasher()
        self._nobody = maker.hash(secrets.token_urlsafe(16))
        self._users = users

    async def check(self, name: str, password: str, peer: str) -> User:
        await self._refresh()
        entry = self._users.get(address.key(name))
        if entry is None or not self._knows(entry, password):
            entry = await self._proven(entry, name, password, peer)
            self._remembered.add(entry.name, password, entry.password)
        self._slowdown.passed(name, peer)
        return User(entry.name, entry.send_as)

    async def of_mailbox(self, mailbox: str) -> User | None:
        """Whose own mailbox this is: who is called so, else the one whose `send_as` begins with it. None: nobody
        who may log in, or nobody knows which of several.
        """
        await self._refresh()
        wanted = address.key(mailbox)
        named = self._users.get(wanted)
        found = [entry for entry in self._users.values() if address.key(next(iter(entry.send_as), "")) == wanted]
        entry = named or (found[0] if len(found) == 1 else None)
        return None if entry is None or entry.disabled else User(entry.name, entry.send_as)

    def _knows(self, entry: UserEntry, password: str) -> bool:
        """Whether this login succeeded a short while ago."""
        return not entry.disabled and self._remembered.has(entry.name, password, entry.password)

    async def _proven(self, entry: UserEntry | None, name: str, password: str, peer: str) -> UserEntry:
        """The entry itself, once its password was found right: the same work, whoever is unknown or disabled."""
        await self._slowdown.turn(name, peer)
        async with self._turns.turn(name, peer):
            if entry is not None and self._knows(entry, password):
                return entry  # of many devices of one user that come at once only the first costs a hash
            stored = entry.password if entry is not None else self._nobody
            right = await asyncio.to_thread(self._verify, stored, password)
        if entry is None or entry.disabled or not right:
            self._slowdown.failed(name, peer)
            raise wrong()
        return entry

    async def owner(self, theirs: Callable[[str], bool]) -> UserEntry | None:
        """Whose own mailbox is one of theirs; None for nobody's. PermanentFailure 535: all of those are disabled."""
        await self._refresh()
        found = [user for user in self._users.values() if any(map(theirs, user.send_as[:1]))]
        if found and all(user.disabled for user in found):
            raise wrong()
        return next((user for user in found if not user.disabled), None)

    async def tell(self, changed: UsersChanged) -> None:
        """Let somebody know of a change, once; again later if that fails."""
        async with self._telling:
            await self._refresh()
            now = enabled(self._users), disabled(self._users)
            if now != self._told:
                await changed(now[0])
                self._told = now

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except Argon2Error:
            return False

    def _file_stamp(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    async def _refresh(self) -> None:
        stamp = self._file_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            await asyncio.to_thread(lambda: self._adopt(load_users(self._path)))
        except ConfigError as error:
            self._watcher.failure("users.yaml", error)
