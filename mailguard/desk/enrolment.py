"""A second factor that a person enrols themselves: shown after the login's password, counted after its first code.

Between the two nothing is kept: the new secret is made of what the form brings back and of a secret of ours, and a mark
says that the password was right, for whom, when, and which factor was there then.
"""

import hmac
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from mailguard.clock import Clock
from mailguard.desk.errors import NotConfirmed
from mailguard.desk.factor import Factors
from mailguard.desk.passwords import LogIn
from mailguard.errors import PermanentFailure
from mailguard.locale import N_
from mailguard.log import Log
from mailguard.mail import address
from mailguard.people import People
from mailguard.records import Actor
from mailguard.tokens import Marks, digest

LASTS = timedelta(minutes=10)
_LETTERS = 20  # octets of a secret, as RFC 4226 §4 wants them
_WRONG = N_(
    "Name and password do not fit together, or the login is not yours. "
    "Who has a second factor already also needs a code of it that was not used yet."
)
_OVER = N_("That took too long, or your second factor was changed meanwhile: begin again.")
_CODE = N_("That is not the app’s code of now. Look at the clock of the device, then enter the next code.")


@dataclass(frozen=True, slots=True)
class Pending:
    """What is shown, and comes back with the first code. `secret` and `uri` are for the app alone."""

    login: str
    until: str  # seconds since 1970
    mark: str
    secret: str = field(repr=False)
    uri: str = field(repr=False)


class Enrolment:
    """The desk's `marks` outlive a restart, and are those of all processes on the store."""

    def __init__(
        self, factors: Factors, log_in: LogIn, people: Callable[[], People], marks: Marks, clock: Clock, log: Log
    ) -> None:
        self._factors, self._log_in, self._people = factors, log_in, people
        self._marks, self._clock, self._log = marks, clock, log

    async def begin(self, person: str, name: str, password: str, code: str, peer: str) -> Pending:
        """For who knows the login's password, and has a code of the factor there is. Raises NotConfirmed.

        TemporaryFailure: nobody can tell now.
        """
        why = "the login is somebody else's"
        try:
            login, mailbox = await self._log_in(name, password, peer)
            login = address.key(login)
            if mailbox and self._people().main(mailbox) == self._people().main(person):
                before = await self._factors.secret(login)
                why = await self._factors.wrong(login, code) if before else ""
                if not why:
                    return self._new(person, login, before)
        except PermanentFailure:
            why = "a wrong name or password"
        self._log.auth_failed(name, peer, why=f"enrolling a second factor: {why}")
        raise NotConfirmed(_WRONG)

    async def pending(self, person: str, login: str, until: str, mark: str) -> Pending:
        """What the form is about. Raises NotConfirmed where it is none of ours, or of another person or time."""
        shown = self._shown(person, login, until, await self._factors.secret(login))
        in_time = until.isascii() and until.isdigit() and int(until[:12]) > self._clock.now().timestamp()
        if not (in_time and self._marks.fits(mark, *shown)):
            raise NotConfirmed(_OVER)
        return self._pending(login, until, mark)

    async def confirm(self, person: str, pending: Pending, code: str) -> tuple[str, ...]:
        """The recovery codes, which are seen once: from now on the new one counts alone. Raises NotConfirmed."""
        before = await self._factors.secret(pending.login)
        if not self._marks.fits(pending.mark, *self._shown(person, pending.login, pending.until, before)):
            raise NotConfirmed(_OVER)
        step = self._factors.step(pending.secret, code)
        if step is None:
            raise NotConfirmed(_CODE)
        recovery = await self._factors.confirm(pending.login, pending.secret, step, before, Actor(person, "outbox"))
        if recovery is None:
            raise NotConfirmed(_OVER)
        return recovery

    def _new(self, person: str, login: str, before: str) -> Pending:
        until = str(int((self._clock.now() + LASTS).timestamp()))
        return self._pending(login, until, self._marks.of(*self._shown(person, login, until, before)))

    def _pending(self, login: str, until: str, mark: str) -> Pending:
        made = hmac.digest(self._marks.secret, f"second factor\0{mark}".encode(), "sha256")
        secret = b32encode(made[:_LETTERS]).decode()
        issuer = f"mailguard {self._people().organization.name}".strip()
        return Pending(login, until, mark, secret, self._factors.uri(login, issuer, secret))

    def _shown(self, person: str, login: str, until: str, before: str) -> tuple[str, ...]:
        return "second factor", address.key(person), login, until, digest(before).hex()
