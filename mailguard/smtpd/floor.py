"""What every session of one listener shares. A session keeps what it began with; a reload is for the next ones."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from mailguard.clock import Clock
from mailguard.errors import ConfigError
from mailguard.mail.envelope import Envelope, Session
from mailguard.records import Accepted, Spool
from mailguard.smtpd.auth import Authenticator
from mailguard.smtpd.bodies import Bodies
from mailguard.smtpd.connector import Connector
from mailguard.smtpd.faces import Faces
from mailguard.smtpd.gate import Gate
from mailguard.smtpd.lock import Lock
from mailguard.smtpd.login import PASSWORDS, TOKENS
from mailguard.smtpd.oauth import TokenUsers
from mailguard.smtpd.policy import Policy
from mailguard.smtpd.quota import Meter
from mailguard.smtpd.settings import Limits, Listener, Quota
from mailguard.smtpd.warden import Warden
from mailguard.smtpd.watching import Watcher


class Accept(Protocol):
    """The next room: it makes a mail durable, or raises an SmtpError with the reply."""

    async def accept(self, envelope: Envelope, spool: Spool, session: Session) -> Accepted: ...

    def answered(self, accepted: Accepted) -> None:
        """Its client said something after it was told: it knows."""
        ...


Room = Callable[[int], Awaitable[bool]]
"""(octets announced) → whether the disk has room for such a mail."""


@dataclass(slots=True)
class Commits:
    """Mails between their final dot and their answer. They belong to the server: no client can break one off."""

    running: set[asyncio.Task[Accepted]] = field(default_factory=set)

    async def run(self, work: Coroutine[Any, Any, Accepted]) -> Accepted:
        """The result of `work`, which goes on to its end even when the caller is cancelled."""
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Accepted]) -> None:
        self.running.discard(task)
        if not task.cancelled():
            task.exception()  # somebody who was cancelled won't ask


@dataclass(frozen=True, slots=True)
class Floor:
    """One listener's share of the server."""

    hostname: str
    listener: Listener
    limits: Limits
    quota: Quota | None
    tls: ssl.SSLContext | None
    users: Authenticator | None
    tokens: TokenUsers | None
    policy: Policy
    connector: Connector | None  # whose word is taken for who sent a mail, instead of the policy
    accept: Accept
    clock: Clock
    watcher: Watcher
    room: Room
    gate: Gate
    meter: Meter
    commits: Commits
    bodies: Bodies
    warden: Warden
    lock: Lock | None
    faces: Faces

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The ways of logging in."""
        return (*(PASSWORDS if self.users else ()), *(TOKENS if self.tokens else ()))

    def context(self) -> ssl.SSLContext:
        """The certificate; that there is one where it is needed was checked with the settings."""
        if self.tls is None:
            raise ConfigError("smtp.tls is missing")
        return self.tls
