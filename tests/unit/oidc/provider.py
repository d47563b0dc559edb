"""An OpenID provider on a real socket that says whatever a test wants it to, signed with keys it may change."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mailguard.oidc import OidcSettings
from mailguard.testing import FakeClock
from mailguard.web.server import WebServer

CLIENT, SECRET = "mailguard", "s:e%cret+"
Change = Callable[[dict[str, Any]], None]


@dataclass
class Liar:
    """Tells the truth until a test changes something."""

    clock: FakeClock
    claims: dict[str, Any] = field(default_factory=dict)  # what the ID token says otherwise; None: not at all
    metadata: dict[str, Any] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)  # of the token endpoint's answer
    status: int = 200
    algorithm: str = "ES256"
    key_id: str | None = "one"
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)  # path, form, Authorization
    nonce: str = ""
    raw: str = ""  # instead of an ID token

    def __post_init__(self) -> None:
        self.rotate("one")

    def rotate(self, name: str) -> None:
        """Other keys from now on."""
        self.key = ECKey.generate_key("P-256", {"kid": name, "use": "sig"})
        self.published, self.key_id = KeySet([self.key]), name

    async def start(self) -> None:
        paths = {
            "/.well-known/openid-configuration": self.discovery, "/keys": self.keys, "/token": self.exchange,
            "/me": self.me,
        }  # fmt: skip
        routes = [Route(path, page, methods=["GET", "POST"]) for path, page in paths.items()]
        self.server = WebServer(Starlette(routes=routes), "127.0.0.1:0")
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def settings(self, **more: Any) -> OidcSettings:
        said = {"issuer": self.issuer, "client_id": CLIENT, "client_secret": SECRET, "name": "Corp login", **more}
        return OidcSettings.model_validate(said)

    def seen(self, url: str) -> None:
        """A browser came by with this question."""
        self.nonce = parse_qs(urlsplit(url).query)["nonce"][0]

    async def discovery(self, request: Request) -> Response:
        return self._answer(request, {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/me", "end_session_endpoint": f"{self.issuer}/leave",
            "id_token_signing_alg_values_supported": ["ES256"], **self.metadata,
        })  # fmt: skip

    async def keys(self, request: Request) -> Response:
        odd = [{"kty": "XYZ", "kid": "odd"}, {**self.key.as_dict(private=False), "use": "enc", "kid": "enc"}]
        return self._answer(request, {"keys": [*odd, *self.published.as_dict(private=False)["keys"]]})

    async def me(self, request: Request) -> Response:
        return self._answer(request, {"sub": "4711", **self.user})

    async def exchange(self, request: Request) -> Response:
        body = (await request.body()).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        token = {"access_token": "access", "token_type": "Bearer", "id_token": self.raw or self.id_token()}
        return self._answer(request, token | self.token, form)

    def id_token(self) -> str:
        now = int(self.clock.now().timestamp())
        said = {
            "iss": self.issuer, "sub": "4711", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": self.nonce,
            "email": "ann@corp.example", "email_verified": True, **self.claims,
        }  # fmt: skip
        said = {name: value for name, value in said.items() if value is not None}
        header = {"alg": self.algorithm} | ({"kid": self.key_id} if self.key_id else {})
        key = OctKey.import_key(SECRET.ljust(64, "x")) if self.algorithm.startswith("HS") else self.key
        return jwt.encode(header, said, key, algorithms=[self.algorithm])

    def _answer(self, request: Request, said: object, form: dict[str, str] | None = None) -> Response:
        self.asked.append((request.url.path, form or {}, request.headers.get("authorization", "")))
        if self.status != 200:
            return Response(json.dumps(said), self.status, {"Location": f"{self.issuer}/keys"})
        return JSONResponse(said)
