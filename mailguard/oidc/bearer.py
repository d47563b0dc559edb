"""Whose access token it is: a JWT of the provider (RFC 9068), checked with its own keys and by asking nobody."""

from collections.abc import Mapping
from typing import Any

from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from mailguard.clock import Clock
from mailguard.oidc.identity import NotProven, address, words
from mailguard.oidc.issuer import Issuer
from mailguard.oidc.metadata import SOUND
from mailguard.oidc.settings import BearerSettings

_PAUSE = 10.0  # seconds between two looks for other keys: anybody may come with a token that no key fits


class Bearer:
    """Tokens of one provider."""

    def __init__(self, settings: BearerSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._issuer = Issuer(settings, clock)
        self._looked = float("-inf")

    async def whose(self, token: str) -> str:
        """The person's address. NotProven: it is not sound, or not for us; Unreachable: nobody can tell."""
        try:
            claims = await self._signed(token)
            self._registry().validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotProven(f"the token is not sound: {error}") from error
        wanted = self._settings.scope
        allowed = {word for name in ("scope", "scp") for said in words(claims, name) for word in said.split()}
        if wanted is not None and wanted not in allowed:
            raise NotProven(f"the token does not allow {wanted} (scope)")
        return address(claims, self._settings)

    def _registry(self) -> JWTClaimsRegistry:
        now, skew = int(self._clock.now().timestamp()), int(self._settings.skew.total_seconds())
        return JWTClaimsRegistry(
            now, skew,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "values": list(self._settings.audience)},
            exp={"essential": True},
        )  # fmt: skip

    async def _signed(self, token: str) -> dict[str, Any]:
        known = await self._issuer.look()
        try:
            return _claims(known.signed(token, SOUND).claims)
        except (InvalidKeyIdError, BadSignatureError):  # it may have other keys by now
            now = self._clock.monotonic()
            if now < self._looked + _PAUSE:
                raise
            self._looked = now
        return _claims((await self._issuer.look(anew=True)).signed(token, SOUND).claims)


def _claims(said: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise TypeError("it is no JSON object")
    return said
