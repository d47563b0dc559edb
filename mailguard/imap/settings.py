"""The `sent_folder:` section of mailguard.yaml."""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from mailguard.document.units import Duration, Section
from mailguard.imap.server import Account, Server

_PORTS = {"imap": 143, "imaps": 993}
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=5)


class SentFolderSettings(Section):
    """An IMAP server, in whose Sent folders a mail that left otherwise than it was sent is put right."""

    server: str = Field(examples=["imaps://imap.corp.example"])
    """imaps://HOST, or imap://HOST with STARTTLS; a port may follow."""
    master: str = Field(min_length=1, examples=["mailguard"])
    """Who logs in for everybody (SASL PLAIN with an authorization identity)."""
    password: SecretStr | None = None
    """Its password."""
    password_file: Path | None = None
    """A file with it, and nothing else; better than writing it here."""
    user: Literal["address", "local"] = "address"
    """What a mailbox is called there: its address, or what stands before the @."""
    folder: str = ""
    """The folder's name; empty: the one that is marked as sent mail."""
    old: Literal["keep", "flag", "remove"] = "keep"
    """What becomes of the copy that was there: it stays, it is flagged, or it is removed."""
    timeout: Duration = timedelta(seconds=60)
    """How long the server may say nothing."""
    ca_file: Path | None = None
    """PEM file of the authorities that may sign its certificate, instead of the system's."""

    @field_validator("server")
    @classmethod
    def _is_server(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            sound = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound or parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(f"{value!r} is no IMAP server: write imaps://imap.corp.example, or imap:// with STARTTLS")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.password is None and self.password_file is None:
            raise ValueError("whose password? Add password_file: FILE")
        if not _SHORTEST <= self.timeout <= _LONGEST:
            raise ValueError("timeout is between 1s and 5m")
        return self

    @property
    def place(self) -> Server:
        parts = urlsplit(self.server)
        port, tls = parts.port or _PORTS[parts.scheme], parts.scheme == "imaps"
        return Server(parts.hostname or "", port, tls, self.ca_file, self.timeout.total_seconds())

    def account(self, mailbox: str) -> Account:
        """Of the person who has this address."""
        name = mailbox if self.user == "address" else mailbox.rpartition("@")[0]
        return Account(name, self.password.get_secret_value() if self.password else "", self.master)
