"""What the admin socket does to people's app passwords."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.desk.app_passwords import AppPasswords
from mailguard.desk.shapes import iso
from mailguard.records import Actor


@dataclass(frozen=True, slots=True)
class AppPasswordVerbs:
    """Each takes what was asked and who asked, and answers JSON."""

    app_passwords: AppPasswords

    async def list(self, asked: Mapping[str, Any], _actor: Actor) -> list[dict[str, str | None]]:
        """One person's, or everybody's."""
        person = str(asked.get("person") or "")
        found = await (self.app_passwords.of(person) if person else self.app_passwords.all())
        return [
            {
                "person": one.person,
                "name": one.name,
                "made_at": iso(one.made_at),
                "used_on": one.used_on.isoformat() if one.used_on else "",
            }
            for one in found
        ]

    async def revoke(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        """The one of this name, or all of them."""
        person, wanted = str(asked["person"]), asked.get("name")
        names = [wanted] if wanted else [one.name for one in await self.app_passwords.of(person)]
        return {"revoked": [name for name in names if await self.app_passwords.revoke(person, name, actor)]}
