"""Tokens that a smarthost takes instead of a password: from the provider's token endpoint (RFC 6749 §4.4 and §6)."""

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import httpx

from mailguard.clock import Clock
from mailguard.courier.settings import TokenSettings
from mailguard.errors import MailguardError

EARLY = 60.0  # seconds before its end from which a token is not used any more; half its time if it is short
_LASTS = 300  # seconds, where the provider does not say
_LARGEST = 1 << 16  # bytes of an answer


class NoToken(MailguardError):
    """The provider gave none; says why, and nothing of what was asked."""


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    until: float


class TokenSource:
    """One login's tokens: each is used until shortly before its end, or until the smarthost refuses it."""

    def __init__(self, settings: TokenSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._tls = ssl.create_default_context(cafile=settings.ca_file)
        self._refresh = settings.refresh_token.get_secret_value() if settings.refresh_token else None
        self._token: _Token | None = None
        self._asking = asyncio.Lock()

    async def get(self, refused: str | None = None) -> str:
        """A token that is not `refused`. Raises NoToken."""
        async with self._asking:  # one asks for all
            token = self._token
            if token is None or token.value == refused or token.until <= self._clock.monotonic():
                self._token = None
                token = self._token = await self._ask()
            return token.value

    async def _ask(self) -> _Token:
        asked = self._clock.monotonic()
        said = await self._post(self._form())
        value, lasts = said.get("access_token"), said.get("expires_in", _LASTS)
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
            raise NoToken("its answer holds no token")
        seconds = float(lasts) if str(lasts).isdecimal() else 0.0
        if isinstance(newer := said.get("refresh_token"), str) and self._refresh:
            self._refresh = newer  # the old one may be good once only (RFC 6749 §6)
        return _Token(value, asked + max(seconds - EARLY, seconds / 2))

    def _form(self) -> dict[str, str]:
        form = {"grant_type": "client_credentials"}
        if self._refresh is not None:
            form = {"grant_type": "refresh_token", "refresh_token": self._refresh}
        if self._settings.scope is not None:
            form["scope"] = self._settings.scope
        if self._settings.client_secret is None:
            form["client_id"] = self._settings.client_id
        return form

    async def _post(self, form: dict[str, str]) -> dict[str, Any]:
        settings, body, seconds = self._settings, bytearray(), self._settings.timeout.total_seconds()
        secret, auth = settings.client_secret, None
        if secret is not None:  # form-encoded in the header (RFC 6749 §2.3.1)
            auth = httpx.BasicAuth(quote_plus(settings.client_id), quote_plus(secret.get_secret_value()))
        try:
            async with (
                asyncio.timeout(seconds),
                httpx.AsyncClient(verify=self._tls, timeout=seconds, trust_env=False) as client,
                client.stream("POST", settings.endpoint, data=form, auth=auth) as answer,
            ):
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _LARGEST:
                        raise NoToken("its answer is larger than one with a token is")
        except (httpx.HTTPError, OSError) as error:  # TimeoutError is an OSError
            raise NoToken(str(error) or type(error).__name__) from error
        return _said(answer.status_code, bytes(body))


def _said(status: int, body: bytes) -> dict[str, Any]:
    """Of a refusal only its code, like invalid_grant (RFC 6749 §5.2)."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if status != httpx.codes.OK:
        code = said.get("error") if isinstance(said, dict) else None
        reason = f": {code[:60]}" if isinstance(code, str) and code.isprintable() else ""
        raise NoToken(f"it answers {status}{reason}")
    if not isinstance(said, dict):
        raise NoToken("its answer is no JSON object")
    return said
