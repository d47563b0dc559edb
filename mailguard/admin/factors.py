"""What the admin socket does to second factors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.desk import Factors
from mailguard.records import Actor
from mailguard.store.base import Store


@dataclass(frozen=True, slots=True)
class FactorVerbs:
    """Each takes what was asked and who asked, and answers JSON. An app shows `organization` beside the name."""

    factors: Factors
    store: Store
    organization: str

    async def enrol(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        """The one time that secret and recovery codes are seen."""
        made = await self.factors.enrol(str(asked["name"]), f"mailguard {self.organization}".strip(), actor)
        return {"uri": made.uri, "recovery": list(made.recovery)}

    async def remove(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, bool]:
        return {"done": await self.factors.remove(str(asked["name"]), actor)}

    async def list(self, _asked: Mapping[str, Any], _actor: Actor) -> list[str]:
        return await self.store.factors()
