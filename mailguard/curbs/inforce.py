"""What decides just now, in the audit: rules, configuration and logins, each change with its hash before and after."""

from collections.abc import Mapping

from mailguard.clock import Clock
from mailguard.records import Actor
from mailguard.store.base import Store

_NAME = "in force "


class InForce:
    """Remembers the hashes, so that what was changed while no service ran is in the audit as well."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def known(self) -> dict[str, str]:
        """What → hash, as it was noted last, by whichever service on this store."""
        found = await self._store.recall(_NAME + "*")
        return {name.removeprefix(_NAME): value["hash"] for name, value in found.items()}

    async def note(self, by: Actor, hashes: Mapping[str, str]) -> None:
        """`hashes`: what → hash. An event `WHAT.changed` for each that is another than before."""
        known = await self.known()
        for what, value in hashes.items():
            if known.get(what) != value:
                said = {"hash": value, "before": known.get(what, "")}
                await self._store.remember(_NAME + what, said, event=f"{what}.changed", by=by, now=self._clock.now())
