"""An OpenID provider over HTTP: authorization code flow with PKCE, and the ID token checked against its own keys."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError

from mailguard.clock import Clock
from mailguard.oidc.asked import Asked
from mailguard.oidc.identity import Identity, NotProven, Unreachable, identity
from mailguard.oidc.issuer import Issuer, an_object, why
from mailguard.oidc.metadata import Metadata
from mailguard.oidc.settings import OidcSettings


class Provider:
    """Unreachable when it can't be asked, NotProven when its answer proves nothing; both say why, for the log."""

    def __init__(self, settings: OidcSettings, redirect: str, home: str, clock: Clock) -> None:
        """`redirect` is our page that it sends people back to, `home` the one after signing out there."""
        self._settings, self._redirect, self._home, self._clock = settings, redirect, home, clock
        self._issuer = Issuer(settings, clock)

    @property
    def name(self) -> str:
        return self._settings.label

    async def authorize(self, asked: Asked) -> str:
        """Where the browser goes to sign in."""
        known = await self._issuer.look()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                known.metadata.authorization, state=asked.state, nonce=asked.nonce, code_verifier=asked.verifier
            )
        return str(url)

    async def leave(self) -> str:
        """Where the browser goes to sign out there too; '' where that can't be done."""
        found = (await self._issuer.look()).metadata.leave
        asked = urlencode({"client_id": self._settings.client_id, "post_logout_redirect_uri": self._home})
        return f"{found}{'&' if '?' in found else '?'}{asked}" if found else ""

    async def identify(self, answer: Mapping[str, str], asked: Asked) -> Identity:
        """Who came back with this answer (the query of our page)."""
        known = await self._issuer.look()
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
            code_challenge_method="S256", verify=self._issuer.tls, timeout=self._settings.timeout.total_seconds(),
        )  # fmt: skip

    async def _token(self, client: AsyncOAuth2Client, said: Metadata, code: str, asked: Asked) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(self._settings.timeout.total_seconds()):
                found = await client.fetch_token(
                    said.token, code=code, grant_type="authorization_code", code_verifier=asked.verifier
                )
        except OAuthError as error:
            raise NotProven(f"it did not take its own code: {error}") from error
        except (httpx2.HTTPError, OSError, ValueError) as error:
            raise Unreachable(f"{said.token}: {why(error)}") from error
        return an_object(found, said.token)

    async def _user(self, client: AsyncOAuth2Client, url: str, subject: object) -> Mapping[str, Any]:
        """What it says of the person apart from the ID token, which some keep short."""
        said: Mapping[str, Any] = await self._issuer.get(
            url, {"Authorization": f"Bearer {client.token['access_token']}"}
        )
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
                known = await self._issuer.look()
                signed = known.signed(raw, known.metadata.algorithms)
            except (InvalidKeyIdError, BadSignatureError):  # it has other keys by now
                known = await self._issuer.look(anew=True)
                signed = known.signed(raw, known.metadata.algorithms)
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


def _half(token: Mapping[str, Any]) -> dict[str, Any]:
    """What `at_hash` is checked against."""
    found = token.get("access_token")
    return {"access_token": found} if isinstance(found, str) else {}
