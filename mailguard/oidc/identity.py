"""Whom an ID token speaks of, once it is known to be sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.errors import MailguardError
from mailguard.oidc.settings import IssuerSettings, OidcSettings

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
    return Identity(address(claims, settings), _second(claims, settings), words(claims, settings.groups))


def address(claims: Mapping[str, Any], settings: IssuerSettings) -> str:
    """Raises NotProven as `identity` does."""
    found = claims.get(settings.claim)
    if not isinstance(found, str) or "@" not in found or len(found) > _LONGEST or not found.isprintable():
        raise NotProven(f"the claim {settings.claim} holds no mail address: set claim, or what the token says")
    if settings.verified and claims.get("email_verified") not in (True, "true"):
        raise NotProven(f"{found} is not verified (email_verified); verified: false takes it all the same")
    return found


def _second(claims: Mapping[str, Any], settings: OidcSettings) -> bool:
    if settings.second_factor == "always":
        return True
    return bool((words(claims, "amr") | words(claims, "acr")) & set(settings.second_factor))


def words(claims: Mapping[str, Any], name: str | None) -> frozenset[str]:
    """A claim of one word or of several."""
    said = claims.get(name) if name else None
    several = said[:_MOST] if isinstance(said, list) else [said]
    return frozenset(word for word in several if isinstance(word, str) and word)
