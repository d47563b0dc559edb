"""oidc-provider (npm), a certified OpenID provider, as one that gives people and programs tokens for mail."""

import asyncio
import base64
import hashlib
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote_plus, urljoin, urlsplit

import httpx

SCRIPT = Path(__file__).with_name("oauth.mjs")
AUDIENCE, SCOPE = "https://mail.corp.example", "smtp"
RELAY, SECRET = "relay", "s:e%cret+"
APP = "thunderbird"
_BACK, _VERIFIER = "https://app.example/", "v" * 43


@dataclass(frozen=True)
class Tokens:
    """What somebody got."""

    access: str
    refresh: str


class OAuth:
    """The provider, while it runs."""

    def __init__(self, process: asyncio.subprocess.Process, issuer: str) -> None:
        self.process, self.issuer = process, issuer

    @property
    def token_endpoint(self) -> str:
        return f"{self.issuer}/token"

    async def take_back(self, token: str) -> None:
        """A token of the relay ends before its time (RFC 7009)."""
        async with httpx.AsyncClient(trust_env=False) as client:
            secret = (RELAY, quote_plus(SECRET))
            (
                await client.post(f"{self.token_endpoint}/revocation", data={"token": token}, auth=secret)
            ).raise_for_status()

    async def sign_in(self, person: str) -> Tokens:
        """As a mail program does: the person's browser brings a code, which it exchanges."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": APP, "response_type": "code", "redirect_uri": _BACK, "scope": f"openid {SCOPE}",
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        async with httpx.AsyncClient(trust_env=False, timeout=10) as browser:
            answer = await browser.get(f"{self.issuer}/auth", params=asked)
            for _ in range(9):
                if (place := urljoin(self.issuer, answer.headers["location"])).startswith(_BACK):
                    break
                typed = "/interaction/" in place
                answer = await (browser.post(place, data={"who": person}) if typed else browser.get(place))
            (code,) = parse_qs(urlsplit(place).query)["code"]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": _BACK, "client_id": APP}
            said = (await browser.post(self.token_endpoint, data=form | {"code_verifier": _VERIFIER})).json()
        return Tokens(said["access_token"], said["refresh_token"])


@asynccontextmanager
async def running(script: Path) -> AsyncIterator[OAuth]:
    """One of one's own; `script` is where `openid.install` put SCRIPT."""
    process = await asyncio.create_subprocess_exec("node", script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout
    issuer = (await process.stdout.readline()).decode().strip()
    assert issuer.startswith("http://127.0.0.1:")
    try:
        yield OAuth(process, issuer)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
