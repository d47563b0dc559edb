"""Where mail comes in: listeners, users, limits and quotas (the `smtp:` section)."""

import re
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from mailguard.directory.settings import LdapLogins
from mailguard.document.units import Duration, HostPort, Rate, Section, Size
from mailguard.errors import PermanentFailure
from mailguard.mail import address
from mailguard.oidc import BearerSettings
from mailguard.stamp import StampSettings

_HOSTNAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_DOMAIN = re.compile(r"(\*\.)?[^\s@*<>\"]+")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def sender_pattern(value: object) -> str:
    """`ann@corp.example`, `*@corp.example`, `*@*.corp.example` or `<>`; ValueError says what to write."""
    text = value if isinstance(value, str) else ""
    if text == "<>":
        return text
    local, _, domain = text.rpartition("@")
    if local == "*" and _DOMAIN.fullmatch(domain):
        return text
    try:
        return address.check(text, smtputf8=True)
    except PermanentFailure:
        raise ValueError(f"{value!r} is not an address: write user@domain, or *@domain for all of a domain") from None


SenderPattern = Annotated[str, BeforeValidator(sender_pattern, json_schema_input_type=str)]


def verp_pattern(value: object) -> str:
    """How programs make senders of an address: what stands before the @. ValueError says what to write."""
    text = value if isinstance(value, str) else ""
    if text.count("{local}") != 1 or text.count("*") != 1 or "@" in text or "{local}*" in text or "*{local}" in text:
        raise ValueError(
            f"{value!r} is no pattern: write what stands before the @, like '{{local}}+*' or 'prvs=*={{local}}'"
        )
    return text


VerpPattern = Annotated[str, BeforeValidator(verp_pattern, json_schema_input_type=str)]


class Tls(StrEnum):
    """How a listener is protected."""

    IMPLICIT = "implicit"  # TLS from the first byte, usually port 465
    STARTTLS = "starttls"  # begins in clear text; nothing but the upgrade is possible before it
    NONE = "none"  # clear text: for trusted networks only


class Auth(StrEnum):
    """Whether clients log in."""

    REQUIRED = "required"
    NONE = "none"


class ListenerMode(StrEnum):
    """Who speaks to a listener."""

    SUBMISSION = "submission"  # mail clients and programs, each for itself
    CONNECTOR = "connector"  # a mail system that passes on what its users sent


class TlsFiles(Section):
    """The server's certificate; read again by `mailguard reload`."""

    certificate: Path
    """PEM file with the certificate and its chain."""
    key: Path
    """PEM file with its private key, without a passphrase."""


class Quota(Section):
    """How much one login may send; more is told to try again later (451).

    Who tries three times the mails or recipients of an hour is frozen until `mailguard user thaw`. `waiting` and
    `bytes` of listeners without a login are those of all mail that came without one.
    """

    mails: Rate = 300
    """Mails within an hour, like 300/h."""
    recipients: Rate = 2000
    """Recipients within an hour, like 2000/h."""
    waiting: int = Field(default=5000, ge=1)
    """Mails of one login that wait at the same time."""
    bytes: Size = 2 << 30
    """Size of all mail of one login that waits at the same time."""


class Provider(StrEnum):
    """Whose mail service it is."""

    MICROSOFT = "microsoft"  # says in the header which tenant a mail comes from
    GOOGLE = "google"  # says nothing that could be checked: the secret alone tells customers apart


def tenant_id(text: str) -> bool:
    """Whether a tenant is named by its id, and not by a domain."""
    return _GUID.fullmatch(text) is not None


def tenant(value: object) -> str:
    """The id of a Microsoft 365 tenant, or a domain of it, in lower case. ValueError says what to write."""
    text = value.lower() if isinstance(value, str) else ""
    if tenant_id(text) or (_HOSTNAME.fullmatch(text) and "." in text):
        return text
    raise ValueError(
        f"{value!r} is no tenant: write its id, like 6c1d5f0e-3b7a-4c58-9d2e-8f4b1a7c9e30, or its initial domain, "
        "like corp.onmicrosoft.com"
    )


Tenant = Annotated[str, BeforeValidator(tenant, json_schema_input_type=str)]


class LockSettings(Section):
    """Whose mail is taken from a provider whose addresses and certificates all of its tenants share."""

    provider: Provider
    """microsoft or google."""
    tenants: tuple[Tenant, ...] = ()
    """Of Microsoft 365: your tenant's id (X-MS-Exchange-CrossTenant-Id) or the domain it goes by (X-OriginatorOrg);
    where both kinds are listed, both must fit."""
    secret: SecretStr | None = None
    """What your tenant's mail-flow rule writes into X-Mailguard-Secret; better in a file, with secret_file."""
    secret_file: Path | None = None
    """File that holds the secret, like `openssl rand -hex 32` makes it."""
    old_secret: SecretStr | None = None
    """The secret of before, which is good as well while the rule is changed; better in a file, with old_secret_file."""
    old_secret_file: Path | None = None
    """File that holds the secret of before."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.secret is None and self.secret_file is None:
            raise ValueError("a lock without a secret: add secret_file, and let the tenant's rule set it")
        if self.provider is Provider.MICROSOFT and not self.tenants:
            raise ValueError("all tenants of Microsoft 365 share its addresses: add tenants: [your tenant's id]")
        if self.provider is Provider.GOOGLE and self.tenants:
            raise ValueError("Google says of no mail which customer it comes from: take tenants away, the secret tells")
        return self


class Listener(Section):
    """One address that accepts mail."""

    bind: HostPort
    """Address and port, like 0.0.0.0:465 or [::]:587."""
    mode: ListenerMode = ListenerMode.SUBMISSION
    """submission: mail clients and programs; connector: a mail system (Microsoft 365, Google Workspace) that passes on
    its users' mail and vouches for its From."""
    tls: Tls = Tls.STARTTLS
    """implicit (TLS from the first byte), starttls, or none."""
    auth: Auth = Auth.REQUIRED
    """required: clients log in; none: the networks below are trusted. A connector never logs in."""
    networks: tuple[Network, ...] = ()
    """Who may send here. Empty: anybody where a login is required, otherwise this machine only."""
    lock: LockSettings | None = None
    """For mail of Microsoft 365 or Google Workspace: whose of it is taken."""
    proxy_from: tuple[Network, ...] = ()
    """Proxies in front of this listener, which say by the PROXY protocol (1 or 2) who their client is; they must."""
    senders: tuple[SenderPattern, ...] = ()
    """Without a login: which senders are accepted. Empty: the organization's own domains, and <>."""
    quota: Quota | None = None
    """Without a login there is no quota unless it is written here."""

    @model_validator(mode="before")
    @classmethod
    def _without_login(cls, given: Any) -> Any:
        """A connector needs no `auth: none`."""
        if isinstance(given, dict) and given.get("mode") == ListenerMode.CONNECTOR:
            return {"auth": Auth.NONE, **given}
        return given

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.mode is ListenerMode.CONNECTOR and self.auth is Auth.REQUIRED:
            raise ValueError("a connector does not log in: leave auth out, and name its networks")
        if self.mode is ListenerMode.CONNECTOR and self.senders:
            raise ValueError("senders is for mode: submission; who sends through a connector is who its From says")
        if self.auth is Auth.REQUIRED and self.tls is Tls.NONE:
            raise ValueError("passwords would cross the network in cleartext: use tls: starttls or tls: implicit")
        if self.auth is Auth.REQUIRED and self.senders:
            raise ValueError("senders is for listeners with auth: none; who logs in is bound by their send_as")
        if self.lock is not None and (self.tls is Tls.NONE or self.mode is not ListenerMode.CONNECTOR):
            raise ValueError("a lock is for a provider's connector, over TLS: write mode: connector and tls: starttls")
        return self

    @property
    def trusted(self) -> tuple[Network, ...]:
        """`networks` with the default filled in; empty means everybody."""
        return self.networks or (LOOPBACK if self.auth is Auth.NONE else ())


class AppPasswordSettings(Section):
    """Passwords that people make themselves on the web, one for each device."""

    most: int = Field(default=20, ge=1, le=100)
    """How many one person may have."""
    only: bool = False
    """true: no other password is good in a mail client."""


class Users(Section):
    """Who can log in: a file of ours, or whoever can log in at another server or in a directory; and by app passwords
    or tokens, alone or beside.
    """

    file: Path | None = None
    """users.yaml; changes are live at once."""
    upstream: HostPort | None = None
    """HOST:PORT of a server where logins are tried, over TLS."""
    ldap: LdapLogins | None = None
    """Logins that the server of directory.ldap knows."""
    oauth: BearerSettings | None = None
    """Logins by a token of an OpenID provider, instead of passwords or beside them."""
    app_passwords: AppPasswordSettings | None = None
    """People make a password for each device on the web (an empty section is enough)."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        ways = 3 - [self.file, self.upstream, self.ldap].count(None)
        if ways > 1 or (ways == 0 and self.oauth is None and self.app_passwords is None):
            raise ValueError(
                "say one of file: users.yaml, upstream: HOST:PORT and ldap: {match: [uid, mail]};"
                " or app_passwords: {} or oauth: {…} without"
            )
        return self

    @property
    def passwords(self) -> bool:
        """Whether there are logins by password beside app passwords."""
        return bool(self.file or self.upstream or self.ldap)


class Limits(Section):
    """What one mail, one connection and one client may ask for."""

    size: Size = 35 << 20
    """Largest mail, with attachments as they are encoded (about a third more than the files)."""
    in_flight: Size = 512 << 20
    """Bytes of large mail in memory at a time, of all clients together; more is told to try again later (452)."""
    recipients: int = Field(default=1000, ge=100)
    """Recipients of one mail (RFC 5321 asks for 100 at least); the rest is told to come again (452)."""
    connections: int = Field(default=1000, ge=1)
    """Connections at a time, in all."""
    per_client: int = Field(default=100, ge=1)
    """Connections at a time of one address (IPv6: of one /64 network)."""
    decide: Duration = timedelta(seconds=10)
    """From the final dot to the answer; what takes longer is held as "still being checked"."""
    idle: Duration = timedelta(minutes=5)
    """How long a client may be silent between commands (RFC 5321 asks for 5m at least)."""
    transaction: Duration = timedelta(hours=1)
    """How long the body of one mail may take, however steadily it comes."""
    rate: Size = 1 << 10
    """Bytes a second below which, over a minute, an upload is given up."""
    commands: int = Field(default=5000, ge=200)
    """Commands in a row without a mail accepted."""
    errors: int = Field(default=20, ge=1)
    """Commands in one connection that were not understood."""
    logins: int = Field(default=3, ge=1)
    """Failed logins in one connection."""
    future_release: Duration = timedelta(days=30)
    """How far ahead a client may ask a mail to be kept (FUTURERELEASE); 0s: not offered."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.commands <= self.recipients:
            raise ValueError("commands must be larger than recipients: every recipient is a command")
        if self.in_flight < self.size:
            raise ValueError("in_flight must be at least size: else no mail of that size ever has room")
        return self


class SmtpSettings(Section):
    """Where mail comes in."""

    hostname: str = "localhost"
    """The name the server greets with; the one its certificate is for."""
    tls: TlsFiles | None = None
    """Certificate and key for listeners with tls: implicit or starttls."""
    listeners: tuple[Listener, ...] = (Listener(bind="127.0.0.1:2525", tls=Tls.NONE, auth=Auth.NONE),)
    """The addresses that accept mail."""
    users: Users | None = None
    """Who can log in."""
    verp: tuple[VerpPattern, ...] = ()
    """Which other envelope senders belong to an address: "{local}+*" makes news+bob=client.example@corp.example one of
    news@corp.example. For whoever may send as that."""
    limits: Limits = Limits()
    """What one mail, one connection and one client may ask for."""
    quota: Quota = Quota()
    """How much one login may send."""
    stamp: StampSettings = StampSettings()
    """What mail carries back to the provider it came from."""

    @property
    def app_passwords(self) -> int:
        """How many one person may have; 0: there are none."""
        return self.users.app_passwords.most if self.users and self.users.app_passwords else 0

    @field_validator("hostname")
    @classmethod
    def _a_name(cls, hostname: str) -> str:
        if not _HOSTNAME.fullmatch(hostname):
            raise ValueError(f"{hostname!r} is not a host name: write one like mail.corp.example")
        return hostname

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.listeners:
            raise ValueError("no listeners: add one, like {bind: 127.0.0.1:2525, tls: none, auth: none}")
        if self.tls is None and any(listener.tls is not Tls.NONE for listener in self.listeners):
            raise ValueError("a listener uses TLS: add tls: {certificate: FILE, key: FILE}")
        if self.users is None and any(listener.auth is Auth.REQUIRED for listener in self.listeners):
            raise ValueError(
                "a listener asks for a login: add users: {file: users.yaml}, {upstream: HOST:PORT} "
                "or {app_passwords: {}}"
            )
        binds = [listener.bind for listener in self.listeners]
        if twice := next((bind for bind in binds if binds.count(bind) > 1 and not bind.endswith(":0")), None):
            raise ValueError(f"two listeners share {twice}")
        return self
