"""What a provider says of itself, and the keys it signs with: asked over HTTP, and kept for a while."""

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from mailguard.clock import Clock
from mailguard.oidc.identity import Unreachable
from mailguard.oidc.metadata import Metadata, metadata
from mailguard.oidc.settings import IssuerSettings

_FRESH = 3600.0  # seconds for which what it says of itself, and its keys, are not asked anew
_AGAIN = 60.0  # seconds until it is asked again where it did not answer, and what it said before can be used
_OLD = 86400.0  # seconds for which they are used all the same while it does not answer
_LARGEST = 1 << 20  # bytes of an answer


@dataclass(frozen=True, slots=True)
class Known:
    """Its word, of this moment on the clock."""

    at: float
    metadata: Metadata
    keys: KeySet

    def signed(self, raw: str, algorithms: Sequence[str]) -> jwt.Token:
        """What a token says, if one of its keys signed it. Raises JoseError or ValueError."""
        registry = JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
        return jwt.decode(raw, self.keys, registry=registry)


class Issuer:
    """Unreachable when it can't be asked, or not as a provider; says why, for the log."""

    def __init__(self, settings: IssuerSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self.tls = ssl.create_default_context(cafile=settings.ca_file)
        self._known: Known | None = None
        self._fresh = float("-inf")  # until when that is used without asking
        self._asking: asyncio.Task[Known] | None = None

    async def look(self, *, anew: bool = False) -> Known:
        """Its own word of an hour ago at most; of a day ago if it does not answer, unless it is asked `anew`."""
        known, now = self._known, self._clock.monotonic()
        if known is not None and now < self._fresh and not anew:
            return known
        if self._asking is None or self._asking.done():  # else somebody asks already, for all
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            self._known = await asyncio.shield(self._asking)
        except Unreachable:
            if known is None or now >= known.at + _OLD or anew:
                raise
            self._fresh = now + _AGAIN
            return known
        self._fresh = self._known.at + _FRESH
        return self._known

    async def _ask(self) -> Known:
        said = metadata(await self.get(self._settings.configuration), self._settings)
        try:
            keys = KeySet.import_key_set({"keys": _keys(await self.get(said.keys))})
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Unreachable(f"its keys at {said.keys} can't be read: {error}") from error
        return Known(self._clock.monotonic(), said, keys)

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """The JSON object there, unless it is redirected, too large or late."""
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self._settings.timeout.total_seconds()),
                httpx2.AsyncClient(verify=self.tls, timeout=None) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _LARGEST:
                        raise Unreachable(f"{url} is larger than a provider's answer is")
                if answer.status_code != httpx2.codes.OK:
                    raise Unreachable(f"{url} answered {answer.status_code}")
            return an_object(json.loads(body), url)
        except (httpx2.HTTPError, OSError, ValueError) as error:  # TimeoutError is an OSError
            raise Unreachable(f"{url}: {why(error)}") from error


def an_object(said: object, url: str) -> Mapping[str, Any]:
    """Raises Unreachable."""
    if not isinstance(said, dict):
        raise Unreachable(f"{url} is no JSON object")
    return said


def why(error: Exception) -> str:
    """Some errors have no words."""
    return str(error) or type(error).__name__


def _keys(said: Mapping[str, Any]) -> list[Any]:
    """Those that sign; one of a kind that nobody here knows does not spoil the others."""
    found = said["keys"]
    if not isinstance(found, list):
        raise TypeError("no list of keys")
    known = ("RSA", "EC", "OKP")
    return [key for key in found if isinstance(key, dict) and key.get("kty") in known and key.get("use") != "enc"]
