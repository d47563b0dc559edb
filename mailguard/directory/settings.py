"""Which directory knows our people, and how to ask it."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from mailguard.document.units import Duration, Section

_PORTS = {"ldap": 389, "ldaps": 636}
_HERE = ("localhost", "127.0.0.1", "::1")
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=2)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        right = parts.scheme in _PORTS and bool(parts.hostname) and bare and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"{value!r} is not a directory: write ldaps://ldap.corp.example, with :PORT if it is unusual")
    return value.rstrip("/")


def _filter(value: str) -> str:
    if not value.startswith("(") or not value.endswith(")") or value.count("(") != value.count(")"):
        raise ValueError(f"{value!r} is not a filter: write it in brackets, like (objectClass=person)")
    return value


Filter = Annotated[str, AfterValidator(_filter)]
Attribute = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9;.-]*$")]


class LdapAttributes(Section):
    """Where a person's entry has what."""

    address: Attribute = "mail"
    """The main address; further values are other addresses of the same mailbox."""
    aliases: Attribute = "proxyAddresses"
    """Other addresses of the mailbox, bare or as Active Directory writes them (smtp:ann@corp.example)."""
    name: Attribute = "displayName"
    """How notices call this person; where it is missing, cn."""
    title: Attribute = "title"
    """What `{title: …}` asks for."""
    language: Attribute = "preferredLanguage"
    """The language they read, like pl or de-DE (RFC 2798 §2.7)."""
    manager: Attribute = "manager"
    """The manager: a DN, or an address."""
    assistant: Attribute = "secretary"
    """The assistant: a DN, or an address. In Active Directory it is `assistant`."""
    groups: Attribute = "memberOf"
    """The groups' DNs, where the directory keeps them with the person too."""

    @property
    def all(self) -> tuple[str, ...]:
        """What is asked of each person."""
        return tuple(dict.fromkeys((*self.__dict__.values(), "cn")))


class LdapGroups(Section):
    """Which groups there are. A group with an address is a distribution list, too."""

    base: str | None = None
    """Where they are, if not below the people's `base`."""
    filter: Filter = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=group))"
    """Which entries are groups that rules may name, or lists."""
    name: Attribute = "cn"
    """What rules call the group, in lower case: CN=Executives is `executives`."""
    members: tuple[Attribute, ...] = ("member", "uniqueMember")
    """Who is in it: DNs of people and of other groups, or addresses."""
    address: Attribute = "mail"
    """Its address, if mail can be sent to it."""

    @property
    def all(self) -> tuple[str, ...]:
        """What is asked of each group."""
        return tuple(dict.fromkeys((self.name, self.address, *self.members)))


class LdapSettings(Section):
    """An LDAP server: OpenLDAP, Active Directory and others like them."""

    url: Annotated[str, AfterValidator(_url)] = Field(examples=["ldaps://ldap.corp.example"])
    """ldaps://HOST, or ldap://HOST with `starttls: true`."""
    starttls: bool = False
    """Make the ldap:// connection a TLS one before anything is said."""
    ca_file: Path | None = None
    """PEM file of the authorities that may sign the server's certificate, instead of the system's."""
    bind: str | None = Field(None, min_length=1, examples=["cn=mailguard,ou=services,dc=corp,dc=example"])
    """Who asks, as a DN (in Active Directory also user@corp.example); without it anonymously."""
    password: SecretStr | None = None
    """Its password; better in a file, with password_file."""
    password_file: Path | None = None
    """File that holds the password."""
    base: str = Field(min_length=1, examples=['"dc=corp,dc=example"'])
    """The entry below which people are."""
    filter: Filter = "(&(objectClass=person)(mail=*))"
    """Which entries are people."""
    attributes: LdapAttributes = LdapAttributes()
    """Where a person's entry has what."""
    groups: LdapGroups = LdapGroups()
    """Which groups there are."""
    every: Duration = timedelta(hours=1)
    """How often it is asked anew."""
    timeout: Duration = timedelta(seconds=10)
    """How long it may be silent; a whole reading may take thirty times as long."""
    limit: int = Field(50_000, ge=1, le=1_000_000)
    """More people and groups than this are not taken over: narrow the filters, or raise it and mind the memory."""
    old: Duration = timedelta(days=30)
    """From this age on what is known is still used, and said to be old as an error."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.starttls and self.tls:
            raise ValueError("starttls belongs to ldap://; ldaps:// has TLS from the first byte: leave one of them out")
        has_password = self.password is not None or self.password_file is not None
        if has_password is not (self.bind is not None):
            raise ValueError("bind and a password belong together: add password_file (or password), or bind")
        if has_password and not self.private:
            raise ValueError("the password would cross the network in cleartext: write ldaps://, or starttls: true")
        if not _SHORTEST <= self.timeout <= _LONGEST:
            raise ValueError("timeout is between 1s and 2m")
        if self.every < timedelta(minutes=1):
            raise ValueError("every is 1m or more: each time the whole directory is read")
        return self

    @property
    def tls(self) -> bool:
        """TLS from the first byte."""
        return self.url.startswith("ldaps:")

    @property
    def private(self) -> bool:
        """Whether passwords may go there: inside TLS, or no further than this machine."""
        return self.tls or self.starttls or self.host in _HERE

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]


class LdapLogins(Section):
    """How the server of directory.ldap tells whether a login is right: it lets this person in (a bind)."""

    match: tuple[Attribute, ...] = Field(("uid", "mail"), min_length=1)
    """What people log in with: attributes of an entry among directory.ldap's people, of which one is the name. In
    Active Directory [sAMAccountName, userPrincipalName, mail]."""
    dn: str | None = Field(None, examples=['"uid={name},ou=people,dc=corp,dc=example"'])
    """The person's DN, made of the name without a search; then people must be able to read their own entry."""

    @field_validator("dn")
    @classmethod
    def _has_gap(cls, value: str | None) -> str | None:
        if value is not None and (value.count("{name}") != 1 or "{" in value.replace("{name}", "")):
            raise ValueError(f"{value!r} is no DN with a gap: write it like uid={{name}},ou=people,dc=corp,dc=example")
        return value


class DirectorySettings(Section):
    """Who knows our people, beside people.yaml."""

    ldap: LdapSettings | None = None
    """An LDAP server; leave it out for none. people.yaml wins field by field, and groups unite."""
