"""The `webhooks:` section of mailguard.yaml."""

from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from mailguard.document.units import Section

Told = Literal["held", "released", "failed"]


class Webhook(Section):
    """Another system that is told of events, by a signed POST."""

    url: str
    """Where to: https, or http on this machine. No redirect is followed."""
    events: tuple[Told, ...] = Field(default=("held", "released", "failed"), min_length=1)
    """Of what: held, released, failed."""
    secret: SecretStr | None = None
    """What the calls are signed with; better in a file, with secret_file."""
    secret_file: Path | None = None
    """File that holds the secret."""

    @field_validator("url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        parts = urlsplit(value)
        odd = parts.username is not None or parts.fragment or not value.isprintable() or " " in value
        if odd or not parts.hostname:
            raise ValueError(
                f"{value!r} is no address to call: write one like https://chat.corp.example/hooks/mailguard"
            )
        if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname)):
            raise ValueError(f"{value!r} would tell it in cleartext: use https (http only to this machine)")
        return value

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.secret is None and self.secret_file is None:
            raise ValueError("a webhook without a secret could be made up by anybody: add secret_file")
        return self


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
