"""What the admin socket does to programs' tokens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.desk.programs import PERSONAL
from mailguard.desk.shapes import iso
from mailguard.document.units import duration
from mailguard.records import Actor, Role, Token
from mailguard.store.base import Store

LONGEST = timedelta(days=366)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class TokenVerbs:
    """Each takes what was asked and who asked, and answers JSON."""

    store: Store
    clock: Clock

    async def add(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        """The one time that the token is seen."""
        name, role, person = str(asked["name"]), Role(asked["role"]), str(asked.get("person") or "")
        lasts, now = duration(asked["expires"]), self.clock.now()
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a token: letters, digits, dots and dashes, 64 at most")
        if not timedelta() < lasts <= LONGEST:
            raise ValueError(f"a token lasts {LONGEST.days}d at most, and longer than nothing: give --expires 90d, say")
        if (role in PERSONAL) is not ("@" in person):
            how = "is about one person's mail: give --person ADDRESS" if role in PERSONAL else "is no person's"
            raise ValueError(f"the role {role} {how}")
        secret = tokens.new()
        token = Token(name, role, person, str(actor), now, now + lasts)
        if not await self.store.add_token(token, tokens.digest(secret), by=actor, now=now):
            raise ValueError(f"there is a token {name!r} already: revoke it first, or choose another name")
        return {"token": secret, "expires_at": iso(token.expires_at)}

    async def revoke(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, bool]:
        return {"done": await self.store.revoke_token(str(asked["name"]), by=actor, now=self.clock.now())}

    async def list(self, _asked: Mapping[str, Any], _actor: Actor) -> list[dict[str, Any]]:
        return [
            {"name": t.name, "role": t.role, "person": t.person, "made_by": t.made_by, "expires_at": iso(t.expires_at)}
            for t in await self.store.tokens()
        ]
