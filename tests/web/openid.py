"""oidc-provider (npm), a certified OpenID provider, beside a house whose pages people may sign in to there."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailguard.desk import Desk, Enrolment, Factors, Passwords
from mailguard.errors import PermanentFailure
from mailguard.log import Log
from mailguard.oidc import OidcSettings
from mailguard.people.access import Access
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import FakeClock
from mailguard.web.oidc import BACK
from mailguard.web.settings import WebSettings
from mailguard.web.sign_in import Ways
from tests.web.house import House, build, stop

VERSION = "8.8.1"
SCRIPT = Path(__file__).with_name("openid.mjs")
PASSWORD = "correct horse"
NAME, NOBODY = "Corp login", "http://127.0.0.1:9"


def install(folder: Path, script: Path = SCRIPT) -> Path:
    """The script, where node finds it too; skips the test when npm's registry does not give it."""
    wanted = ["npm", "install", "--no-audit", "--no-fund", "--silent", f"oidc-provider@{VERSION}"]
    subprocess.run(wanted, cwd=folder, check=False, timeout=120, capture_output=True)
    if not (folder / "node_modules" / "oidc-provider").exists():
        pytest.skip("NOT TESTED: signing in at an OpenID provider: npm's registry did not give one")
    shutil.copy(script, folder)
    return folder / script.name


class There:
    """The provider, while it runs."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._process: asyncio.subprocess.Process | None = None
        self.issuer = ""

    async def start(self, url: str) -> None:
        """For a house at this address."""
        self._process = await asyncio.create_subprocess_exec(
            "node", self._script, url + BACK, f"{url}/outbox", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout
        self.issuer = (await self._process.stdout.readline()).decode().strip()
        assert self.issuer.startswith("http://127.0.0.1:")

    async def stop(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def log_in(name: str, password: str, _peer: str) -> tuple[str, str]:
    """Logins as users.yaml would know them: everybody of corp.example, with one password."""
    if password != PASSWORD:
        raise PermanentFailure("wrong")
    return name, f"{name}@corp.example"


@asynccontextmanager
async def house_with(
    folder: Path, there: There | None, *, access: Access | None = None, web: dict[str, Any] | None = None, **oidc: Any
) -> AsyncIterator[House]:
    """Time stands still at what it is really. `oidc` without `there` is a provider that does not answer."""

    async def ways(desk: Desk, store: SqliteStore, clock: FakeClock, url: str) -> tuple[WebSettings, Ways]:
        if there:
            await there.start(url)
        known = {"issuer": there.issuer if there else NOBODY, "client_id": "mailguard", "client_secret": "s:e%cret+"}
        provider = {"oidc": OidcSettings.model_validate({**known, "name": NAME, **oidc})} if there or oidc else {}
        settings = WebSettings.model_validate({"url": url, **provider, **(web or {})})
        desk.lasts = settings.session
        factors = Factors(store, clock)
        enrolment = Enrolment(factors, log_in, lambda: desk._people(), desk.marks, clock, Log())
        return settings, Ways.of(settings, clock, Log(), Passwords(desk, factors, log_in, Log()), enrolment)

    house = await build(folder, access=access, ways=ways, start=datetime.now(UTC))
    try:
        yield house
    finally:
        await stop(house)
        if there:
            await there.stop()
