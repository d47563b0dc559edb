"""Signing in at an OpenID provider. What talks to it is in `provider`, which needs the extra `oidc`."""

from mailguard.oidc.asked import Asked
from mailguard.oidc.identity import Identity, NotProven, Unreachable
from mailguard.oidc.settings import OidcSettings

__all__ = ["Asked", "Identity", "NotProven", "OidcSettings", "Unreachable"]
