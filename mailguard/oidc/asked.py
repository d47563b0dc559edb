"""One sign-in under way, known by what only the browser keeps."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from mailguard import tokens


@dataclass(frozen=True, slots=True)
class Asked:
    """All that is random of it comes from one secret in the browser's cookie: none of it can be used with another."""

    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> "Asked":
        return cls(tokens.new())

    @property
    def state(self) -> str:
        """Comes back with the answer, which is ours only then."""
        return self._made("state")

    @property
    def nonce(self) -> str:
        """Comes back in the ID token, which is for this sign-in only then."""
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """Proves to the provider that who brings the code is who asked for it (PKCE, RFC 7636)."""
        return self._made("verifier")

    def fits(self, state: str) -> bool:
        """Whether an answer with this state is to this sign-in."""
        return hmac.compare_digest(state.encode(errors="replace"), self.state.encode())

    def _made(self, what: str) -> str:
        return urlsafe_b64encode(tokens.digest(f"oidc {what}:{self.secret}")).decode().rstrip("=")
