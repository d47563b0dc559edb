"""Where mail goes next: one smarthost, or the recipients' own mail servers (MX), with routes per domain."""

import re
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from mailguard.document.units import Duration, HostPort, Rate, Section, host_port
from mailguard.document.url import safe

_ROUTE = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


class Tls(StrEnum):
    """How a connection to a next hop is protected."""

    NONE = "none"
    STARTTLS = "starttls"  # required: without it nothing is sent
    IMPLICIT = "implicit"  # TLS from the first byte, usually port 465


class TokenSettings(Section):
    """Where the tokens come from that a smarthost takes instead of a password (XOAUTH2).

    With a refresh token by that, else as the client itself (client credentials).
    """

    endpoint: str = Field(examples=["https://login.microsoftonline.com/TENANT-ID/oauth2/v2.0/token"])
    """The provider's token endpoint."""
    client_id: str = Field(min_length=1)
    """What the provider knows mailguard by."""
    client_secret: SecretStr | None = None
    """What mailguard proves that with; better in a file, with client_secret_file."""
    client_secret_file: Path | None = None
    """File that holds the secret."""
    refresh_token: SecretStr | None = None
    """A refresh token of the login; better in a file, with refresh_token_file."""
    refresh_token_file: Path | None = None
    """File that holds the refresh token: one that stays good when it is used."""
    scope: str | None = Field(None, examples=["https://outlook.office365.com/.default"])
    """What the token is to allow."""
    timeout: Duration = timedelta(seconds=10)
    """How long the provider may take to answer."""
    ca_file: Path | None = None
    """PEM file of the authorities that may sign the provider's certificate, instead of the system's."""

    @field_validator("endpoint")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        if not safe(value):
            raise ValueError(f"{value!r} is no token endpoint: write its https address (http only on this machine)")
        return value

    @model_validator(mode="after")
    def _proves_something(self) -> Self:
        secrets = (self.client_secret, self.client_secret_file, self.refresh_token, self.refresh_token_file)
        if not any(secrets):
            raise ValueError("nothing would be proven: add client_secret_file, or refresh_token_file, or both")
        return self


class Hop(Section):
    """One way out: `smarthost` or `mx`, and how to speak to it."""

    smarthost: HostPort | None = None
    """Host and port of the server that takes all mail, like smtp.corp.example:587."""
    mx: bool = False
    """Deliver directly to the mail servers of each recipient's domain."""
    unsigned: bool = False
    """With mx: mail of own domains may leave without a DKIM signature."""
    tls: Tls | None = None
    """none, starttls (required, certificate checked) or implicit. Default to a smarthost: starttls; with mx:
    TLS where the server offers it, certificate not checked, as is usual between strangers (RFC 7435)."""
    username: str | None = Field(default=None, min_length=1)
    """Login at the smarthost."""
    password: SecretStr | None = None
    """Password of that login; better in a file, with password_file."""
    password_file: Path | None = None
    """File that holds the password."""
    oauth: TokenSettings | None = None
    """Instead of a password: a token, where the smarthost takes XOAUTH2."""
    ca_file: Path | None = None
    """PEM file of the authorities that may sign the server's certificate, instead of the system's."""
    certificate: Path | None = None
    """PEM file of a certificate, with its chain, that tells the smarthost who we are; its key in here or in `key`."""
    key: Path | None = None
    """PEM file of that certificate's private key."""
    stamp: bool = False
    """This is the provider that people's mail comes from: what goes back to it carries our stamp (`smtp.stamp`)."""
    return_secret: SecretStr | None = None
    """What its rule looks for in X-Mailguard-Return to know what comes back; better in a file: return_secret_file."""
    return_secret_file: Path | None = None
    """File that holds that secret, like `openssl rand -hex 32` makes it."""
    connections: int = Field(default=10, ge=1, le=1000)
    """Connections to one destination at a time."""
    recipients: int | None = Field(default=None, ge=1, le=50_000)
    """Recipients of one mail handed over at once; the rest follows at once. Without: until the server takes no more."""
    rate: Rate | None = None
    """Mails handed over to one destination, like 30/m; the others wait for their turn. Without: as they come."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.smarthost is None) is not self.mx:
            raise ValueError('say either smarthost: "HOST:PORT" or mx: true')
        if self.unsigned and not self.mx:
            raise ValueError("unsigned speaks of mx: true only: a smarthost signs, or gets what `dkim` has signed")
        if self.mx and self.tls is Tls.IMPLICIT:
            raise ValueError("mx servers do not speak implicit TLS: use tls: starttls, or leave tls out")
        return self

    @model_validator(mode="after")
    def _login(self) -> Self:
        secret = self.password is not None or self.password_file is not None
        if self.username is None:
            if secret or self.oauth:
                raise ValueError("a password or oauth without a username: add username, or take it away")
            return self
        if not secret and self.oauth is None:
            raise ValueError("a username without a password: add password_file (or password), or oauth")
        if secret and self.oauth is not None:
            raise ValueError("a username with a password and a token: take password or oauth away")
        if self.mx:
            raise ValueError("a login makes no sense with mx: it would be shown to strangers")
        if self.tls is Tls.NONE:
            raise ValueError("username and password would cross the network in cleartext: use tls: starttls")
        return self

    @model_validator(mode="after")
    def _certificate(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise ValueError("a key without a certificate: add certificate, or take the key away")
        if self.certificate is not None and self.mx:
            raise ValueError("a certificate makes no sense with mx: it would be shown to strangers")
        if self.certificate is not None and self.tls is Tls.NONE:
            raise ValueError("a certificate is shown inside TLS only: use tls: starttls")
        return self

    @model_validator(mode="after")
    def _way_back(self) -> Self:
        secret = self.return_secret is not None or self.return_secret_file is not None
        if self.mx and (self.stamp or secret):
            raise ValueError("stamp and return_secret are for the provider that mail came from: name it as smarthost")
        if secret and self.tls is Tls.NONE:
            raise ValueError("return_secret would cross the network in cleartext: use tls: starttls")
        return self

    @property
    def secured(self) -> Tls:
        """`tls` with the default of a smarthost filled in; not for mx, where the default is opportunistic."""
        return self.tls or Tls.STARTTLS


class NextHop(Hop):
    """The default way out, and the exceptions from it by recipient domain."""

    routes: dict[str, Hop] = Field(default_factory=dict)
    """Other ways by recipient domain: corp.example, or *.corp.example for its sub-domains only."""
    mta_sts: bool = True
    """With mx: do what the recipients' domains demand of TLS by MTA-STS (RFC 8461); it asks their web servers."""
    dnssec_resolver: HostPort | None = None
    """With mx: a resolver on this machine that validates DNSSEC, like 127.0.0.1:53. It answers all questions then, and
    mail servers with TLSA records are held to them (DANE, RFC 7672). Without: no DANE."""

    @field_validator("dnssec_resolver")
    @classmethod
    def _near(cls, value: str | None) -> str | None:
        """What a resolver has validated is one bit in its answer, which anybody on the way could set."""
        try:
            here = value is None or ip_address(host_port(value)[0]).is_loopback
        except ValueError:
            here = False
        if not here:
            raise ValueError(f"{value} is not on this machine, so its word could be changed on the way: run one here")
        return value

    @field_validator("routes")
    @classmethod
    def _patterns(cls, routes: dict[str, Hop]) -> dict[str, Hop]:
        for pattern in routes:
            if not _ROUTE.fullmatch(pattern):
                raise ValueError(
                    f"{pattern!r} is not a domain: write corp.example, or *.corp.example for its sub-domains "
                    "(lower case, international names in their xn-- form)"
                )
        return routes

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        """A claim knows its destination only, so one smarthost can't be reached in two ways."""
        seen: dict[str, tuple[str, Hop]] = {}
        for name, hop in {"next_hop": self.default, **self.routes}.items():
            if hop.smarthost is None:
                continue
            other, known = seen.setdefault(hop.smarthost, (name, hop))
            if known != hop:
                raise ValueError(f"{other} and {name} both name {hop.smarthost}, but with different settings")
        return self

    @property
    def default(self) -> Hop:
        """The way of all domains that no route names."""
        return Hop.model_construct(**{name: getattr(self, name) for name in Hop.model_fields})
