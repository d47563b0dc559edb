"""What the admin socket answers about the guard itself: a bypass, who is frozen, and users.yaml read again."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.curbs import Bypass, Curbs
from mailguard.curbs.bypass import Aside
from mailguard.desk.shapes import iso
from mailguard.document.units import duration
from mailguard.mail import address
from mailguard.records import Actor


@dataclass(frozen=True, slots=True)
class GuardVerbs:
    """Each takes what was asked and who asked, and answers JSON."""

    curbs: Curbs
    bypass: Bypass
    forgive: Callable[[str], None]
    look_at_users: Callable[[], Awaitable[None]]

    async def aside(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        """Begin (`span`, `reason`), `end`, or neither: just say what is so."""
        done = False
        if asked.get("end"):
            done = await self.bypass.end(actor)
        elif asked.get("span"):
            await self.bypass.begin(duration(str(asked["span"])), str(asked.get("reason") or ""), actor)
            done = True
        return {"bypass": aside_json(self.bypass.now), "done": done}

    async def users(self, _asked: Mapping[str, Any], _actor: Actor) -> dict[str, Any]:
        """Look at users.yaml now, not in a second; then who is frozen."""
        await self.look_at_users()
        frozen = sorted(self.curbs.all_frozen, key=lambda standing: standing.name)
        return {"frozen": [{"name": s.about, "since": iso(s.since), "why": s.why} for s in frozen]}

    async def thaw(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, bool]:
        """A login by its name, or a listener as it is listed."""
        said = str(asked["name"])
        name = said if self.curbs.frozen(said) else f"login {address.key(said)}"
        done = await self.curbs.thaw(name, actor)
        self.forgive(name)
        return {"done": done}


def aside_json(aside: Aside | None) -> dict[str, Any] | None:
    if aside is None:
        return None
    return {"began": iso(aside.began), "until": iso(aside.until), "by": aside.by, "reason": aside.reason}
