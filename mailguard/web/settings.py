"""The `web:` section of mailguard.yaml."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from mailguard.document.units import Duration, HostPort, Section
from mailguard.oidc import OidcSettings
from mailguard.records import Way

LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(days=30)


class WebSettings(Section):
    """Where the pages are served, and what the links in notices start with."""

    bind: HostPort = "127.0.0.1:8025"
    """HOST:PORT to listen on; put a TLS proxy in front of it."""
    url: str = "http://127.0.0.1:8025"
    """What people's browsers call it: every link starts with this, never with a request's Host header."""
    proxies: tuple[IPv4Network | IPv6Network, ...] = LOOPBACK
    """Whose X-Forwarded-For says who a client is: the TLS proxy's addresses, where it is on another machine."""
    codes: bool = True
    """People sign in with a code mailed to them."""
    passwords: bool = False
    """Who has a login (smtp.users) and a second factor may sign in with them: `mailguard user totp NAME`."""
    oidc: OidcSettings | None = None
    """An OpenID provider that people sign in at."""
    session: Duration = timedelta(hours=12)
    """How long somebody is signed in."""

    @field_validator("url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        parts = urlsplit(value.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{value!r} is not a web address: write one like https://mailguard.corp.example")
        if parts.path or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(f"{value!r}: only scheme, host and port; mailguard needs a host name of its own")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @model_validator(mode="after")
    def _has_a_way_in(self) -> Self:
        if not (self.codes or self.passwords or self.oidc):
            raise ValueError("nobody could sign in: leave out codes: false, or add oidc or passwords: true")
        if not _SHORTEST <= self.session <= _LONGEST:
            raise ValueError("session is between 5m and 30d")
        return self

    def offers(self, way: Way) -> bool:
        """Whether people may sign in that way."""
        return {Way.CODE: self.codes, Way.PASSWORD: self.passwords, Way.OIDC: self.oidc is not None}[way]

    @property
    def secure(self) -> bool:
        """People reach it over TLS, so cookies may demand it."""
        return self.url.startswith("https:")
