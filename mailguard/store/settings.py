"""Where mail is kept, and for how long."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import BeforeValidator, SecretStr, model_validator

from mailguard.document.model import BadValue
from mailguard.document.units import Duration, Section
from mailguard.records import EVERYBODY
from mailguard.store.retention import Retention
from mailguard.store.sealing import Keyring

_NEAR = ("", "localhost", "127.0.0.1", "[::1]")
DEFAULT_URL = "sqlite:///var/lib/mailguard/mail.db"


def store_url(value: object) -> str:
    """As a connection takes it. Raises ValueError when it names no store."""
    if isinstance(value, str) and value.startswith("sqlite:") and sqlite_path(value).name:
        return value
    if isinstance(value, str) and is_postgres(value):
        return _postgres(value)
    raise ValueError(
        f"{value!r} is not a store: write sqlite:///FOLDER/mail.db, sqlite:mail.db beside this file, or "
        "postgresql://USER@HOST/DATABASE"
    )


def is_postgres(url: str) -> bool:
    return url.startswith(("postgresql:", "postgres:"))


def _postgres(url: str) -> str:
    """To another host only over TLS that is checked, unless the URL says otherwise."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if ":" in parts.netloc.rpartition("@")[0] or "password" in query:
        how = (
            "write HOST:PORT:DATABASE:USER:PASSWORD into a file of mode 0600 and name it: "
            "postgresql://USER@HOST/DATABASE?passfile=FILE; or set PGPASSFILE"
        )
        raise BadValue("a password does not belong into the configuration", how)
    hosts = [re.sub(r":\d+$", "", one) for one in parts.netloc.rpartition("@")[2].split(",")]
    near = all(host in _NEAR for host in hosts) and query.get("host", ["/"])[0].startswith("/")
    if near or "sslmode" in query:
        return url
    return f"{url}{'&' if parts.query else '?'}sslmode=verify-full"


def sqlite_path(url: str) -> Path:
    """`sqlite:///var/lib/mail.db` → /var/lib/mail.db; `sqlite:mail.db` → mail.db (relative to the configuration)."""
    return Path(url.removeprefix("sqlite:").removeprefix("//"))


StoreUrl = Annotated[str, BeforeValidator(store_url, json_schema_input_type=str)]


class OldKey(Section):
    """A key that stored mail may still be encrypted with."""

    key: SecretStr | None = None
    """The key; better in a file, with key_file."""
    key_file: Path | None = None
    """File that holds the key."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.key is None and self.key_file is None:
            raise ValueError("an old key without a file: add key_file")
        return self


class EncryptionSettings(Section):
    """Bodies of stored mail encrypted, with keys that are not in the store."""

    key: SecretStr | None = None
    """32 random bytes in base64, for mail to come; better in a file, with key_file."""
    key_file: Path | None = None
    """File that holds the key. Without one bodies are stored as they are."""
    old: tuple[OldKey, ...] = ()
    """Keys of before, for mail that is there."""

    def keys(self) -> Keyring:
        """Raises ConfigError when one is no key."""
        old = [one.key.get_secret_value() for one in self.old if one.key]
        return Keyring(self.key.get_secret_value() if self.key else "", old)


def _everybody(value: object) -> object:
    return (EVERYBODY,) if value == "all" else value


Held = Annotated[tuple[str, ...], BeforeValidator(_everybody, json_schema_input_type=Literal["all"] | list[str])]
"""Addresses, or `all`."""


class RetentionSettings(Section):
    """How long what is kept, counted from the end of a mail's last recipient."""

    bodies: Duration = timedelta(days=7)
    """The message itself, and the links to it."""
    decisions: Duration = timedelta(days=400)
    """Who sent what to whom, what was decided and why, and the history of events."""
    facts: Duration = timedelta(days=90)
    """Who writes to whom, conversations, and what rules can be tried on later (`mailguard backtest`)."""

    habits: Duration = timedelta(days=400)
    """Who got which mail when, and hashes of its words, for `unexpected`; of each sender the latest 1,000 mails."""

    @property
    def keep(self) -> Retention:
        """The same, as the store takes it."""
        return Retention(bodies=self.bodies, decisions=self.decisions, facts=self.facts, habits=self.habits)
