"""OpenID providers: signing in there, and tokens of theirs. What talks to them needs the extra `oidc`."""

from mailguard.oidc.asked import Asked
from mailguard.oidc.identity import Identity, NotProven, Unreachable
from mailguard.oidc.settings import BearerSettings, OidcSettings

__all__ = ["Asked", "BearerSettings", "Identity", "NotProven", "OidcSettings", "Unreachable"]
