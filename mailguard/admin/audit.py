"""What the admin socket does to the audit and to programs' tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from mailguard.clock import Clock
from mailguard.desk import Operator
from mailguard.desk.aid import aid
from mailguard.desk.shapes import event_json, iso
from mailguard.locale import Language, When
from mailguard.mail import address
from mailguard.records import Actor
from mailguard.store.base import Store

_CHANGES = frozenset({"added", "password_changed", "disabled", "enabled"})
_ENDS = frozenset({"password_changed", "disabled"})  # what was signed in to the pages with the password


@dataclass(frozen=True, slots=True)
class AuditVerbs:
    """Each takes what was asked and who asked, and answers JSON."""

    operator: Operator
    store: Store
    clock: Clock

    async def erase(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, int]:
        """Forget a person; with `dry_run` only say what it would be."""
        what = await self.operator.erase(str(asked["address"]), actor, dry_run=bool(asked.get("dry_run")))
        return {"mails": what.mails, "records": what.records, "waiting": what.waiting, "held": what.held}

    async def user_changed(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, bool]:
        """Who changed a login at the command line; the file itself is written there."""
        what = str(asked["what"])
        if what not in _CHANGES:
            raise ValueError(f"{what!r} is nothing that happens to a user")
        data = {"name": str(asked["name"])[:254]}
        await self.store.record(f"user.{what}", by=actor, now=self.clock.now(), data=data)
        if what in _ENDS:
            await self.store.close_logins(address.key(data["name"]))
        return {"done": True}

    async def aid(self, asked: Mapping[str, Any], _actor: Actor) -> dict[str, Any] | None:
        """First aid for a mail that has left, in this language and zone; None: there is no such mail."""
        mail = await self.store.get(str(asked["queue_id"]).upper())
        if mail is None:
            return None
        when = When(ZoneInfo(str(asked["zone"])), Language(str(asked["language"])), self.clock.now())
        found = aid(mail, await self.store.events(mail.queue_id), when, only=asked.get("recipients") or ())
        holders = found.holders if found else ()
        return {
            "queue_id": mail.queue_id,
            "holders": [
                {"address": h.address, "at": iso(h.at), "remote": h.remote, "reply": h.reply, "sure": h.sure}
                for h in holders
            ],
            "timeline": [event_json(event) for event in found.timeline] if found else [],
            "request": found.request if found else "",
            "report": found.report if found else "",
        }
