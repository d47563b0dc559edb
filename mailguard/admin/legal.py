"""What the admin socket does to legal holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.clock import Clock
from mailguard.desk.shapes import iso
from mailguard.records import EVERYBODY, Actor
from mailguard.store.base import Store


@dataclass(frozen=True, slots=True)
class LegalVerbs:
    """Each takes what was asked and who asked, and answers JSON. `person` is an address, or * for everybody."""

    store: Store
    clock: Clock

    async def set(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, bool]:
        person, reason = _person(asked), str(asked["reason"]).strip()[:500]
        if not reason:
            raise ValueError("a legal hold needs its reason: it stands in the audit, and is told to whoever is refused")
        done = await self.store.add_legal_hold(person, reason=reason, by=actor, now=self.clock.now())
        return {"done": done}

    async def lift(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, bool]:
        return {"done": await self.store.lift_legal_hold(_person(asked), by=actor, now=self.clock.now())}

    async def list(self, _asked: Mapping[str, Any], _actor: Actor) -> list[dict[str, str | None]]:
        return [
            {
                "person": one.person, "source": one.source, "reason": one.reason, "made_by": one.made_by,
                "made_at": iso(one.made_at),
            }
            for one in await self.store.legal_holds()
        ]  # fmt: skip


def _person(asked: Mapping[str, Any]) -> str:
    person = str(asked["person"])
    if person != EVERYBODY and "@" not in person.strip("@"):
        raise ValueError(f"{person!r} is no mail address")
    return person
