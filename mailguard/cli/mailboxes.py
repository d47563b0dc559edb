"""Sent folders of an IMAP server, as the command line names them: where, whose, and how one logs in for them."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from mailguard.imap import Account, Server

PASSWORD = "IMAP_PASSWORD"  # noqa: S105 - the name of a variable
_PORTS = {"imap": 143, "imaps": 993}


@dataclass(frozen=True)
class Login:
    """What the options say of it."""

    users: Path | None
    master: str
    password_file: Path | None


@dataclass(frozen=True)
class Source:
    """`folder`: '' is whatever is marked as the one of sent mail."""

    server: Server
    user: str
    folder: str

    def place(self, user: str, folder: str) -> str:
        """By what it is remembered how far this folder was read: nobody is named by it."""
        said = "\0".join((self.server.name, user, folder)).encode("utf-8", "surrogatepass")
        return f"history.imap.{blake2b(said, digest_size=16).hexdigest()}"


def is_url(source: str) -> bool:
    return source.lower().startswith(("imap://", "imaps://"))


def source(url: str, ca_file: Path | None, timeout: float) -> Source:
    """UsageError, which never shows the password that somebody wrote into it."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise click.UsageError("the server can't be made out: write imaps://USER@HOST:PORT/FOLDER") from None
    if parts.password is not None:
        raise click.UsageError(
            f"a password in the address is seen by everybody on this machine: use --password-file, ${PASSWORD}, or "
            "wait to be asked for it"
        )
    if not parts.hostname or parts.query or parts.fragment:
        raise click.UsageError("the server can't be made out: write imaps://USER@HOST:PORT/FOLDER")
    server = Server(parts.hostname, port, parts.scheme == "imaps", ca_file, timeout)
    return Source(server, unquote(parts.username or ""), unquote(parts.path.removeprefix("/")))


def accounts(where: Source, login: Login) -> list[Account]:
    """Everybody whose mail is read; the password is asked for once, if anybody has none of their own. UsageError."""
    if where.user and login.users:
        raise click.UsageError("either one USER in the address, or --users FILE")
    named = list(_users(login.users)) if login.users else [(where.user, None)]
    if not named or not all(user for user, _ in named):
        raise click.UsageError("whose mail? Write imaps://USER@HOST, or --users FILE")
    common = "" if all(own is not None for _, own in named) else _password(login)
    return [Account(user, common if own is None else own, login.master) for user, own in named]


def _users(file: Path) -> Iterator[tuple[str, str | None]]:
    """One a line, USER or USER:PASSWORD; lines that begin with # are comments."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"{file} can't be read") from None
    for line in lines:
        if line.strip() and not line.startswith("#"):
            user, colon, password = line.partition(":")
            yield user.strip(), password if colon else None


def _password(login: Login) -> str:
    if login.password_file is not None:
        try:
            found = login.password_file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise click.UsageError(f"{login.password_file} can't be read") from None
    elif PASSWORD in os.environ:
        found = os.environ[PASSWORD]
    elif sys.stdin.isatty():
        found = str(click.prompt("Password", hide_input=True, err=True))
    else:
        raise click.UsageError(f"no password: use --password-file or ${PASSWORD}")
    if not found or "\0" in found:
        raise click.UsageError("the password is empty" if not found else "the password has a NUL in it")
    return found
