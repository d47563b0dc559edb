"""The sections `web.oidc:` and `smtp.users.oauth:` of mailguard.yaml."""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from mailguard.document.units import Duration, Section
from mailguard.document.url import safe

EMAIL = "email"
_SKEW = timedelta(minutes=10)
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=1)


class IssuerSettings(Section):
    """A provider whose word about people is taken."""

    issuer: str = Field(examples=["https://sso.corp.example/realms/corp"])
    """Its address, to the letter as it calls itself; /.well-known/openid-configuration is below it."""
    claim: str = Field(EMAIL, min_length=1)
    """Where in the token a person's address stands."""
    verified: bool = True
    """Only addresses that the provider has verified (`email_verified`)."""
    skew: Duration = timedelta(minutes=2)
    """How far its clock and ours may be apart."""
    timeout: Duration = timedelta(seconds=10)
    """How long it may take to answer."""
    ca_file: Path | None = None
    """PEM file of the authorities that may sign its certificate, instead of the system's."""

    @field_validator("issuer")
    @classmethod
    def _is_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if not safe(value) or parts.query or parts.fragment:
            raise ValueError(
                f"{value!r} is no issuer: write its https address, as in the provider's openid-configuration "
                "(http only on this machine)"
            )
        return value

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.claim != EMAIL and self.verified:
            raise ValueError(
                f"email_verified says nothing of {self.claim}: add verified: false, "
                "if only the provider's administrators can write it"
            )
        if not timedelta() <= self.skew <= _SKEW:
            raise ValueError("skew is 10m at most: set the clocks")
        if not _SHORTEST <= self.timeout <= _LONGEST:
            raise ValueError("timeout is between 1s and 1m")
        return self

    @property
    def configuration(self) -> str:
        """Where it says what it is (OpenID Connect Discovery §4)."""
        return self.issuer.rstrip("/") + "/.well-known/openid-configuration"


class OidcSettings(IssuerSettings):
    """An OpenID provider that people sign in at: Microsoft Entra ID, Google, Keycloak and others like them."""

    client_id: str = Field(min_length=1, examples=["mailguard"])
    """What it knows mailguard by."""
    client_secret: SecretStr | None = None
    """What mailguard proves that with; better in a file, with client_secret_file. Without it: a public client."""
    client_secret_file: Path | None = None
    """File that holds the secret."""
    name: str = Field("", max_length=60)
    """What the button says; default: the issuer's host."""
    groups: str | None = Field(None, min_length=1)
    """Where in the ID token the groups or roles stand that `access: {admin: [{claim: NAME}]}` names."""
    scopes: tuple[str, ...] = ("openid", "email")
    """What the provider is asked to say."""
    second_factor: Literal["always"] | tuple[str, ...] = ("mfa",)
    """Which values of `amr` or `acr` in the ID token say that a second factor was asked for; `always`: it always is."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("scopes must name openid, like [openid, email]")
        return self

    @property
    def label(self) -> str:
        """What people are told it is called."""
        return self.name or urlsplit(self.issuer).hostname or self.issuer


class BearerSettings(IssuerSettings):
    """A provider whose access tokens mail clients log in with (OAUTHBEARER, XOAUTH2)."""

    audience: tuple[str, ...] = Field(min_length=1, examples=["[mailguard]"])
    """Whom a token must be for (its claim `aud`): what mailguard is called there."""
    scope: str | None = Field(None, pattern=r"^[!#-\[\]-~]+$")
    """What a token must allow besides (a word of its claim `scope` or `scp`)."""
