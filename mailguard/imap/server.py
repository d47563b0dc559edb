"""A connection to an IMAP server that proved who it is, encrypted before a password is sent, and never waiting long."""

import contextlib
import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mailguard.errors import MailguardError
from mailguard.imap.names import quoted

_LARGEST = 4 << 20  # bytes of one piece; more was not asked for


class Broken(MailguardError):
    """The connection ended, or nothing came in time: it may be tried again."""


class Refused(MailguardError):
    """The server, or what it is, says no: trying again changes nothing."""


@dataclass(frozen=True)
class Server:
    """`tls`: from the first byte (imaps), or by STARTTLS. There is no third way."""

    host: str
    port: int
    tls: bool
    ca_file: Path | None = None
    timeout: float = 60.0  # seconds without anything from the server

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Account:
    """Whose folders. `master` is who logs in for them: another one who may."""

    user: str
    password: str = field(repr=False)
    master: str = ""


def connect(server: Server, account: Account) -> imaplib.IMAP4:
    """Logged in. Raises Broken or Refused."""
    with spoken(server):
        link = _open(server)
        try:
            _log_in(link, account)
        except BaseException:
            close(link)
            raise
    return link


def close(link: imaplib.IMAP4) -> None:
    """Without a word: after an error the server may not answer any more."""
    with contextlib.suppress(OSError, imaplib.IMAP4.error):
        link.shutdown()


@contextmanager
def spoken(server: Server) -> Iterator[None]:
    """What goes wrong while talking, in words. What the server says is shown, never what was said to it."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"{server.name} is not who it says it is: {error.verify_message}") from None
    except MailguardError:
        raise
    except imaplib.IMAP4.abort as error:  # before `error`, of which it is one
        raise Broken(f"{server.name}: {error}") from None
    except imaplib.IMAP4.error as error:
        raise Refused(f"{server.name}: {error}") from None
    except TimeoutError:
        raise Broken(f"{server.name} did not answer within {server.timeout:g} s") from None
    except (OSError, EOFError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Broken(f"{server.name}: {said or 'the connection ended'}") from None
    except (ValueError, UnicodeError, LookupError) as error:  # imaplib, at an answer that is none
        raise Broken(f"{server.name} said what is no IMAP: {type(error).__name__}") from None


def _open(server: Server) -> imaplib.IMAP4:
    context = ssl.create_default_context(cafile=server.ca_file)
    if server.tls:
        return _Tls(server.host, server.port, ssl_context=context, timeout=server.timeout)
    link = _Plain(server.host, server.port, timeout=server.timeout)
    try:
        offered = "STARTTLS" in link.capabilities
        if offered:
            link.starttls(ssl_context=context)
    except BaseException:
        close(link)
        raise
    if not offered:
        close(link)
        raise Refused(f"{server.name} offers no STARTTLS, and a password is never sent in the clear: try imaps://")
    return link


def _log_in(link: imaplib.IMAP4, account: Account) -> None:
    try:
        if "AUTH=PLAIN" in link.capabilities:
            who = (account.user, account.master) if account.master else ("", account.user)
            said = "\0".join((*who, account.password)).encode()
            link.authenticate("PLAIN", lambda _: said)
        elif account.master:
            raise Refused("the server takes no AUTH=PLAIN, by which one logs in for another")
        else:
            link.login(quoted(account.user), account.password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        raise Refused(f"the server does not let {account.master or account.user} in: is the password right?") from None


class _Bounded:
    """Nothing is read that is larger than what was asked for."""

    def read(self, size: int) -> bytes:
        if size > _LARGEST:
            raise imaplib.IMAP4.abort(f"it sends {size:,} bytes at once")
        data: bytes = super().read(size)  # type: ignore[misc]
        if len(data) < size:
            raise imaplib.IMAP4.abort("the connection ended")
        return data


class _Plain(_Bounded, imaplib.IMAP4):
    pass


class _Tls(_Bounded, imaplib.IMAP4_SSL):
    pass
