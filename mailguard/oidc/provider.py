"""An OpenID provider over HTTP: authorization code flow with PKCE, and the ID token checked against its own keys."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from mailguard.clock import Clock
from mailguard.oidc.asked import Asked
from mailguard.oidc.identity import Identity, NotProven, Unreachable, identity
from mailguard.oidc.metadata import Metadata, metadata
from mailguard.oidc.settings import OidcSettings

_FRESH = 3600.0  # seconds for which what it says of itself, and its keys, are not asked anew
_LARGEST = 1 << 20  # bytes of an answer


@dataclass(frozen=True, slots=True)
class _Known:
    until: float
    metadata: Metadata
    keys: KeySet


class Provider:
    """Unreachable when it can't be asked, NotProven when its answer proves nothing; both say why, for the log."""

    def __init__(self, settings: OidcSettings, redirect: str, home: str, clock: Clock) -> None:
        """`redirect` is our page that it sends people back to, `home` the one after signing out there."""
        self._settings, self._redirect, self._home, self._clock = settings, redirect, home, clock
        self._tls = ssl.create_default_context(cafile=settings.ca_file)
        self._known: _Known | None = None

    @property
    def name(self) -> str:
        return self._settings.label

    async def authorize(self, asked: Asked) -> str:
        """Where the browser goes to sign in."""
        known = await self._look()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                known.metadata.authorization, state=asked.state, nonce=asked.nonce, code_verifier=asked.verifier
            )
        return str(url)

    async def leave(self) -> str:
        """Where the browser goes to sign out there too; '' where that can't be done."""
        found = (await self._look()).metadata.leave
        asked = urlencode({"client_id": self._settings.client_id, "post_logout_redirect_uri": self._home})
        return f"{found}{'&' if '?' in found else '?'}{asked}" if found else ""

    async def identify(self, answer: Mapping[str, str], asked: Asked) -> Identity:
        """Who came back with this answer (the query of our page)."""
        known = await self._look()
        if not asked.fits(answer.get("state", "")):
            raise NotProven("the answer is to another sign-in (state)")
        if (answer.get("iss") or known.metadata.says_issuer) and answer.get("iss") != self._settings.issuer:
            raise NotProven("the answer is another provider's (iss)")
        if answer.get("error"):
            raise NotProven(f"it refused: {answer['error'][:100]} {answer.get('error_description', '')[:300]}".strip())
        if not answer.get("code"):
            raise NotProven("the answer has no code")
        async with self._client(known.metadata) as client:
            token = await self._token(client, known.metadata, answer["code"], asked)
            claims = await self._claims(token, asked)
            if self._settings.claim not in claims and known.metadata.user:
                claims = {**await self._user(client, known.metadata.user, claims["sub"]), **claims}
        return identity(claims, self._settings)

    # asking
    def _client(self, said: Metadata | None = None) -> AsyncOAuth2Client:
        """With `said` for its token endpoint; in a header name and secret are form-encoded (RFC 6749 §2.3.1)."""
        secret = self._settings.client_secret.get_secret_value() if self._settings.client_secret else None
        client_id, method = self._settings.client_id, "none"
        if secret is not None and said is not None:
            method = "client_secret_post" if said.post else "client_secret_basic"
            if not said.post:
                client_id, secret = quote_plus(client_id), quote_plus(secret)
        return AsyncOAuth2Client(
            client_id, secret, method, scope=" ".join(self._settings.scopes), redirect_uri=self._redirect,
            code_challenge_method="S256", verify=self._tls, timeout=self._settings.timeout.total_seconds(),
        )  # fmt: skip

    async def _look(self, *, anew: bool = False) -> _Known:
        """What it says of itself, and its keys: its own word of an hour ago at most."""
        now = self._clock.monotonic()
        if self._known is None or self._known.until <= now or anew:
            place = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            said = metadata(await self._get(place), self._settings)
            try:
                keys = KeySet.import_key_set({"keys": _keys(await self._get(said.keys))})
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise Unreachable(f"its keys at {said.keys} can't be read: {error}") from error
            self._known = _Known(now + _FRESH, said, keys)
        return self._known

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON there, unless it is redirected, too large or late."""
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self._settings.timeout.total_seconds()),
                httpx2.AsyncClient(verify=self._tls, timeout=None) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _LARGEST:
                        raise Unreachable(f"{url} is larger than a provider's answer is")
                if answer.status_code != httpx2.codes.OK:
                    raise Unreachable(f"{url} answered {answer.status_code}")
            return _object(json.loads(body), url)
        except (httpx2.HTTPError, OSError, ValueError) as error:  # TimeoutError is an OSError
            raise Unreachable(f"{url}: {_why(error)}") from error

    async def _token(self, client: AsyncOAuth2Client, said: Metadata, code: str, asked: Asked) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(self._settings.timeout.total_seconds()):
                found = await client.fetch_token(
                    said.token, code=code, grant_type="authorization_code", code_verifier=asked.verifier
                )
        except OAuthError as error:
            raise NotProven(f"it did not take its own code: {error}") from error
        except (httpx2.HTTPError, OSError, ValueError) as error:
            raise Unreachable(f"{said.token}: {_why(error)}") from error
        return _object(found, said.token)

    async def _user(self, client: AsyncOAuth2Client, url: str, subject: object) -> Mapping[str, Any]:
        """What it says of the person apart from the ID token, which some keep short."""
        said: Mapping[str, Any] = await self._get(url, {"Authorization": f"Bearer {client.token['access_token']}"})
        if said.get("sub") != subject:
            raise NotProven("what it says of the person is of somebody else (sub)")
        return said

    # checking
    async def _claims(self, token: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
        raw = token.get("id_token")
        if not isinstance(raw, str):
            raise NotProven("it gave no ID token: web.oidc.scopes must name openid")
        try:
            try:
                signed = await self._signed(raw)
            except (InvalidKeyIdError, BadSignatureError):  # it has other keys by now
                signed = await self._signed(raw, anew=True)
            must = {
                "iss": {"essential": True, "value": self._settings.issuer},
                "aud": {"essential": True, "value": self._settings.client_id},
            }
            about = {"nonce": asked.nonce, "client_id": self._settings.client_id}
            claims = CodeIDToken(signed.claims, signed.header, must, about | _half(token))
            claims.validate(int(self._clock.now().timestamp()), int(self._settings.skew.total_seconds()))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotProven(f"its ID token is not sound: {error}") from error
        return dict(claims)

    async def _signed(self, raw: str, *, anew: bool = False) -> jwt.Token:
        known = await self._look(anew=anew)
        registry = JWSRegistry(algorithms=list(known.metadata.algorithms), strict_check_header=False)
        return jwt.decode(raw, known.keys, registry=registry)


def _half(token: Mapping[str, Any]) -> dict[str, Any]:
    """What `at_hash` is checked against."""
    found = token.get("access_token")
    return {"access_token": found} if isinstance(found, str) else {}


def _object(said: object, url: str) -> Mapping[str, Any]:
    if not isinstance(said, dict):
        raise Unreachable(f"{url} is no JSON object")
    return said


def _keys(said: Mapping[str, Any]) -> list[Any]:
    """Those that sign; one of a kind that nobody here knows does not spoil the others."""
    found = said["keys"]
    if not isinstance(found, list):
        raise TypeError("no list of keys")
    known = ("RSA", "EC", "OKP")
    return [key for key in found if isinstance(key, dict) and key.get("kty") in known and key.get("use") != "enc"]


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
