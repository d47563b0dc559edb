"""Opening a connection to a mail server: greeting, EHLO, TLS, login. The only importer of aiosmtplib."""

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import cast

import aiosmtplib
from aiosmtplib.email import quote_address

from mailguard.courier.reply import heard
from mailguard.courier.route import Host
from mailguard.courier.settings import Tls
from mailguard.courier.token import NoToken, TokenSource
from mailguard.courier.wire import NONSENSE, Timeouts, Wire
from mailguard.errors import PermanentFailure, TemporaryFailure
from mailguard.locale import N_, saying

_NO_REPLY = 200  # below it are aiosmtplib's own marks, and numbers that are no SMTP code
_FINAL = 500  # codes from here on will not change by themselves
_REFUSED = 5  # 5xx to EHLO: a server older than RFC 1869


class Unreachable(TemporaryFailure):
    """No working session with this host; another one of the destination may do.

    A 5xx greeting is among these: it is about our address or that server's state, not about the mail, so the
    mail is kept until it is given up (RFC 5321 §3.1 leaves the choice to us).
    """


class TlsFailed(Unreachable):
    """The server answers, but no TLS that can be trusted came about."""


class LoginRefused(TemporaryFailure):
    """Our own account is the trouble, so the mail waits until somebody has put it right.

    `said` is the server's own code: 5xx for a wrong password, 4xx or 0 where it could not say.
    """

    code = 454
    enhanced = "4.7.0"

    def __init__(self, message: str, said: int = 0, **values: str) -> None:
        super().__init__(message, code=None, enhanced=None, **values)
        self.said = said


class Myself(PermanentFailure):
    """The mail would come back to us for ever."""

    code = 554
    enhanced = "5.4.6"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a destination is spoken to. `tls` None: TLS if it is offered, whoever signed the certificate."""

    hello: str
    tls: Tls | None
    context: ssl.SSLContext | None
    login: tuple[str, str] | None = None
    tokens: tuple[str, TokenSource] | None = None  # a login whose password is a token of the moment
    refuse_myself: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(slots=True)
class Session:
    """An open connection that is ready for a transaction."""

    wire: Wire
    offers: Mapping[str, str]  # EHLO keywords, lower case, with their parameters
    timeouts: Timeouts
    verified: bool = False  # TLS with a certificate that was checked, or that DNSSEC vouches for
    used: int = 0  # transactions begun
    clean: bool = True  # False: not fit for another transaction


@lru_cache(maxsize=4096)
def mailbox(address: str) -> str:
    """`<address>` as it may stand in MAIL and RCPT; '' is the null sender. 553 5.1.3 when it can't be written."""
    try:
        written = quote_address(address)
    except ValueError:
        written = ""
    # aiosmtplib makes <a> of "a,b@c.d" without a word: what it would not write unchanged is not sent
    if written != f"<{address}>" or any(c < " " or c == "\x7f" for c in address):
        raise PermanentFailure(
            N_("{text} can't be written as an address"), code=553, enhanced="5.1.3", text=repr(address)
        )
    return written


async def dial(host: Host, manner: Manner) -> Session:
    """A session with this host. Errors: Unreachable (try the next one), LoginRefused, Myself."""
    try:
        return await _dial(host, manner)
    except TlsFailed:
        if manner.tls is not None:
            raise
        plain = replace(manner, tls=Tls.NONE, context=None, login=None, tokens=None)
        return await _dial(host, plain)  # opportunistic: broken TLS must not be worse than none (RFC 7435)


async def _dial(host: Host, manner: Manner) -> Session:
    if manner.tokens is not None:
        await _token(manner.tokens[1], host)  # without one there is nothing to connect for
    sock = await _connect(host, manner)
    client = aiosmtplib.SMTP(
        hostname=host.name,
        sock=sock,
        local_hostname=manner.hello,
        use_tls=manner.tls is Tls.IMPLICIT,
        start_tls=False,  # never by itself: aiosmtplib's default logs in over cleartext
        tls_context=manner.context,
        timeout=manner.timeouts.greeting,
    )
    try:
        await _greet(client, manner, host)
        if manner.login is not None:
            await _login(client, manner.login, host)
        if manner.tokens is not None:
            await _token_login(client, *manner.tokens, host)
        wire = _take_over(client, host)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        client.close()
        raise _unreachable(host, error) from error
    except BaseException:
        client.close()
        raise
    verified = wire.tls is not None and manner.context is not None and manner.context.verify_mode == ssl.CERT_REQUIRED
    return Session(wire, dict(client.esmtp_extensions), manner.timeouts, verified)


def _take_over(client: aiosmtplib.SMTP, host: Host) -> Wire:
    if client.transport is None:  # the server hung up right behind its last answer
        raise Unreachable(N_("{host} closed the connection"), enhanced="4.4.2", host=str(host))
    return Wire(cast(asyncio.Transport, client.transport), str(host))


async def _connect(host: Host, manner: Manner) -> socket.socket:
    family = socket.AF_INET6 if ":" in host.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        async with asyncio.timeout(manner.timeouts.connect):
            await asyncio.get_running_loop().sock_connect(sock, (host.address, host.port))
    except TimeoutError:
        sock.close()
        words, seconds = N_("{host} did not answer within {seconds} s"), f"{manner.timeouts.connect:g}"
        raise Unreachable(words, enhanced="4.4.1", host=str(host), seconds=seconds) from None
    except OSError as error:
        sock.close()
        words, why = N_("no connection to {host}: {why}"), os.strerror(error.errno) if error.errno else str(error)
        raise Unreachable(words, enhanced="4.4.1", host=str(host), why=why) from error
    except BaseException:
        sock.close()
        raise
    if manner.refuse_myself and _same(sock):
        sock.close()
        raise Myself(N_("mail loops back to myself: {host} is this machine"), host=str(host))
    return sock


def _same(sock: socket.socket) -> bool:
    """Both ends on one address: that is only so when we have connected to this machine."""
    here, there = (ipaddress.ip_address(end[0].partition("%")[0]) for end in (sock.getsockname(), sock.getpeername()))
    return here == there


async def _greet(client: aiosmtplib.SMTP, manner: Manner, host: Host) -> None:
    await client.connect()
    await _hello(client)
    if manner.tls in (Tls.NONE, Tls.IMPLICIT):
        return
    if not client.supports_extension("starttls"):
        if manner.tls is Tls.STARTTLS:
            words = N_("{host} does not offer STARTTLS, which is required here: nothing was sent")
            raise TlsFailed(words, enhanced="4.7.4", host=str(host))
        return
    try:
        await client.starttls(tls_context=manner.context)
    except aiosmtplib.SMTPResponseException as error:
        raise TlsFailed(
            N_("{host} refused STARTTLS: {reply}"), enhanced="4.7.4", host=str(host), reply=_words(error, host)
        ) from error
    except (aiosmtplib.SMTPException, OSError) as error:  # ssl.SSLError is an OSError and comes unwrapped
        raise _tls_failed(host, error) from error
    await _hello(client)


async def _hello(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError as error:
        if error.code // 100 != _REFUSED or not client.is_connected:
            raise
        await client.helo()


async def _login(client: aiosmtplib.SMTP, login: tuple[str, str], host: Host) -> None:
    """One try with one mechanism: a client that tries them all after a refusal locks the account."""
    _check_tls(client, host)
    methods = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
    method = next((call for name, call in methods.items() if name in client.server_auth_methods), None)
    if method is None:
        words = N_("{host} offers no login that we know: check the port, or take username out of next_hop")
        raise LoginRefused(words, host=str(host))
    try:
        await method(*login)
    except aiosmtplib.SMTPAuthenticationError as error:
        words = N_("{host} refused our login (check username and password of next_hop): {reply}")
        raise LoginRefused(words, error.code, host=str(host), reply=_words(error, host)) from error


async def _token_login(client: aiosmtplib.SMTP, name: str, tokens: TokenSource, host: Host) -> None:
    """A token that is refused may have been taken back before its end: one more try, with a new one."""
    _check_tls(client, host)
    if "xoauth2" not in client.server_auth_methods:
        raise LoginRefused(N_("{host} takes no tokens (XOAUTH2): check the port, or use a password"), host=str(host))
    token = await _token(tokens, host)
    for last in (False, True):
        try:
            await client.auth_xoauth2(name, token)
        except aiosmtplib.SMTPAuthenticationError as error:
            newer = token if last or error.code < _FINAL else await _token(tokens, host, token)
            if newer == token:
                words = N_("{host} refused the token of our login (check username and oauth of next_hop): {reply}")
                raise LoginRefused(words, error.code, host=str(host), reply=_words(error, host)) from error
            token = newer
        else:
            return


async def _token(tokens: TokenSource, host: Host, refused: str | None = None) -> str:
    try:
        return await tokens.get(refused)
    except NoToken as error:
        raise LoginRefused(
            N_("the provider gave no token for {host}: {why}"), host=str(host), why=str(error)
        ) from error


def _check_tls(client: aiosmtplib.SMTP, host: Host) -> None:
    if client.get_transport_info("sslcontext") is None:
        raise LoginRefused(N_("no login at {host} without TLS"), host=str(host))


def _words(error: aiosmtplib.SMTPResponseException, host: Host) -> str:
    if error.code < _NO_REPLY:
        return saying("it does not speak SMTP ({what})", what=error.message)
    return str(heard(error.code, error.message, str(host)))


def _unreachable(host: Host, error: Exception) -> Unreachable:
    """What went wrong, in words for the log and the report."""
    if isinstance(error.__cause__, ssl.SSLError):  # implicit TLS: aiosmtplib wraps it in a connect error
        return _tls_failed(host, error.__cause__)
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code < _NO_REPLY:
        return Unreachable(NONSENSE, enhanced="4.5.0", host=str(host), what=error.message)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Unreachable(
            N_("{host} does not take mail now: {why}"), enhanced="4.3.2", host=str(host), why=_words(error, host)
        )
    if isinstance(error, TimeoutError):
        return Unreachable(N_("{host} took the connection, but then was silent"), enhanced="4.4.2", host=str(host))
    return Unreachable(N_("no session with {host}: {why}"), enhanced="4.4.2", host=str(host), why=str(error))


def _tls_failed(host: Host, error: Exception) -> TlsFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        words = N_("the certificate of {host} can't be trusted: {why}")
        return TlsFailed(words, enhanced="4.7.5", host=str(host), why=error.verify_message)
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return TlsFailed(N_("TLS with {host} failed: {why}"), enhanced="4.7.5", host=str(host), why=str(reason or error))
