# ruff: noqa: N802 - the verbs have the names aiosmtpd looks for
"""Who is there: HELO, EHLO, STARTTLS, AUTH."""

import re
from typing import Any

from mailguard.errors import PermanentFailure, SmtpError
from mailguard.smtpd.auth import TokenRefused, User, cannot_say
from mailguard.smtpd.connection import Connection, GoodbyeError, syntax
from mailguard.smtpd.login import TOKENS, Credentials, credentials, refusal
from mailguard.smtpd.settings import Auth, Tls

_UNSAFE = re.compile(r"[^!-'*-\[\]-~]")  # in the comment of a Received header


class Greeting(Connection):
    """A client that introduces itself. `helo` is what it says, `user` what it has proved."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.helo = ""
        self.user: User | None = None
        self._extended = False
        self._logins = 0  # that failed

    def logged_in(self) -> bool:
        return self.user is not None

    async def smtp_HELO(self, argument: str) -> None:
        self._greeted(argument, extended=False)
        self._say(f"250 {self.floor.hostname}")

    async def smtp_EHLO(self, argument: str) -> None:
        self._greeted(argument, extended=True)
        words = self._keywords()
        self._say(f"250-{self.floor.hostname}")
        for word in words[:-1]:
            self._say(f"250-{word}")
        self._say(f"250 {words[-1]}")

    def _greeted(self, argument: str, *, extended: bool) -> None:
        """The name is kept for the Received header and believed nowhere."""
        if not argument:
            raise PermanentFailure("say who you are: EHLO client.example", code=501, enhanced="5.5.4")
        self.helo = _UNSAFE.sub("?", argument[:255])
        self._extended = extended
        self.forget_mail()

    def _keywords(self) -> list[str]:
        floor = self.floor
        words = ["PIPELINING", f"SIZE {floor.limits.size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"]
        if longest := int(floor.limits.future_release.total_seconds()):
            # A login is required or the network is trusted on every listener: MAIL refuses everybody else.
            until = floor.clock.now() + floor.limits.future_release
            words.append(f"FUTURERELEASE {longest} {until:%Y-%m-%dT%H:%M:%SZ}")
        if self.secure:
            words.append("REQUIRETLS")
        if floor.listener.tls is Tls.STARTTLS and not self.secure:
            words.append("STARTTLS")
        elif floor.listener.auth is Auth.REQUIRED and self.user is None:
            words.append(f"AUTH {' '.join(floor.mechanisms)}")
        return words

    async def smtp_STARTTLS(self, argument: str) -> None:
        if argument:
            raise syntax("STARTTLS takes nothing", 501)
        if self.secure or self.floor.listener.tls is not Tls.STARTTLS:
            raise order("TLS is on already" if self.secure else "TLS is not offered here")
        self._link.pause_reading()
        if not self.wire.empty():
            # Somebody put commands in front of the handshake, to have them taken for the client's (RFC 3207 §6).
            raise GoodbyeError("nothing may follow STARTTLS before the handshake")
        self._say("220 2.0.0 go ahead")
        await self._flush()
        await self._handshake(bytearray())
        self.helo, self.user = "", None  # RFC 3207 §4.2
        self.forget_mail()

    async def smtp_AUTH(self, argument: str) -> None:
        floor = self.floor
        if floor.listener.auth is not Auth.REQUIRED or not floor.mechanisms:
            raise PermanentFailure("no login is needed here", code=502, enhanced="5.5.1")
        if not self.helo:
            raise order("EHLO first")
        if not self.secure:
            raise PermanentFailure("STARTTLS first: passwords don't travel in cleartext", code=530, enhanced="5.7.0")
        if self.user is not None or self.within_mail():
            raise order("there was a login already" if self.user else "not within a mail")
        shown: Credentials | None = None
        try:
            shown = await credentials(argument, self._ask, floor.mechanisms)
            self.user = await self._prove(shown)
        except SmtpError as error:
            await self._login_failed(shown, error)
            return
        self._say("235 2.7.0 welcome")

    async def _prove(self, shown: Credentials) -> User:
        """Who it is. PermanentFailure 535 5.7.8, or TemporaryFailure 454 4.7.0: nobody can tell."""
        floor = self.floor
        if floor.tokens is not None and shown.mechanism in TOKENS:
            return await floor.tokens.check(shown.secret, shown.name)
        if floor.users is None:
            raise cannot_say("there are no passwords")
        return await floor.users.check(shown.name, shown.secret, self.peer)

    async def _login_failed(self, shown: Credentials | None, error: SmtpError) -> None:
        self._logins += 1
        why = error.why if isinstance(error, TokenRefused) else ""
        if isinstance(error, PermanentFailure) and shown and (shown.name or why):
            self.floor.watcher.auth_failed(shown.name, self.peer, self.id, why)
        if why and shown and self.floor.tokens:
            settings = self.floor.tokens.settings
            await self._ask(refusal(shown.mechanism, settings.configuration, settings.scope))  # the answer is empty
        self._say(error.line)
        if self._logins >= self.floor.limits.logins:
            self._refuse(GoodbyeError("too many failed logins"))

    async def _ask(self, challenge: bytes) -> bytes:
        self._say(f"334 {challenge.decode()}")
        await self._flush()
        return (await self._line()).rstrip(b"\r\n")


def order(why: str) -> PermanentFailure:
    """A command at the wrong time."""
    return PermanentFailure(why, code=503, enhanced="5.5.1")
