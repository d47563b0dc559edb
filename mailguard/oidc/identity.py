"""Whom an ID token speaks of, once it is known to be sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.errors import MailguardError
from mailguard.oidc.settings import OidcSettings

_MOST = 1000  # groups
_LONGEST = 254  # RFC 5321 §4.5.3.1.3


class Unreachable(MailguardError):
    """The provider does not answer, or not as a provider does."""


class NotProven(MailguardError):
    """It answered, but that does not prove who somebody is; the text is for the administrator."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in."""

    address: str
    second: bool  # a second factor was asked for
    groups: frozenset[str]


def identity(claims: Mapping[str, Any], settings: OidcSettings) -> Identity:
    """Raises NotProven where the address is missing or not verified."""
    address = claims.get(settings.claim)
    if not isinstance(address, str) or "@" not in address or len(address) > _LONGEST or not address.isprintable():
        raise NotProven(f"the claim {settings.claim} holds no mail address: set web.oidc.claim, or web.oidc.scopes")
    if settings.verified and claims.get("email_verified") not in (True, "true"):
        raise NotProven(f"{address} is not verified (email_verified); web.oidc.verified: false takes it all the same")
    return Identity(address, _second(claims, settings), _words(claims, settings.groups))


def _second(claims: Mapping[str, Any], settings: OidcSettings) -> bool:
    if settings.second_factor == "always":
        return True
    return bool((_words(claims, "amr") | _words(claims, "acr")) & set(settings.second_factor))


def _words(claims: Mapping[str, Any], name: str | None) -> frozenset[str]:
    """A claim of one word or of several."""
    said = claims.get(name) if name else None
    several = said[:_MOST] if isinstance(said, list) else [said]
    return frozenset(word for word in several if isinstance(word, str) and word)
