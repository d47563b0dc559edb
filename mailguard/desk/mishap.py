"""A mail that went to the wrong person: its sender's report for the record, and a rule that would have held it."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mailguard.desk.errors import NotAllowed, NotConfirmed
from mailguard.desk.look import View
from mailguard.desk.said import within_bounds
from mailguard.locale import N_
from mailguard.mail.address import key
from mailguard.people import People
from mailguard.people.alerts import Alert
from mailguard.records import Delivery, Event, Power
from mailguard.store.base import Store

if TYPE_CHECKING:
    from mailguard.desk.desk import Desk

CONTENT = ("personal", "secret", "internal", "harmless")
STEPS = ("asked", "manager", "protection")
_REPORTED, _PROPOSED = "aid.reported", "rule.proposed"


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody reported of a mail that went wrong."""

    at: datetime
    by: str
    wrong: tuple[str, ...]
    happened: str
    content: str  # one of CONTENT
    steps: tuple[str, ...]  # of STEPS


@dataclass(frozen=True, slots=True)
class Mishap:
    """Who has the mail, what happened to it, what its sender reported, and which rule was proposed ('': none)."""

    gone: tuple[Delivery, ...]
    history: tuple[Event, ...]
    reports: tuple[Report, ...]
    proposal: str
    manager: str  # whom its sender tells


class Mishaps:
    """For the sender alone. Nothing here changes the mail or a rule."""

    def __init__(self, desk: "Desk", store: Store, people: Callable[[], People], alerts: Alert) -> None:
        self._desk, self._store, self._people, self._alerts = desk, store, people, alerts

    async def of(self, view: View) -> Mishap:
        """Everything the page shows. NotAllowed for anybody but the sender."""
        if view.power is not Power.SENDER:
            raise NotAllowed(N_("This link can't do that."))
        history = tuple(await self._store.events(view.mail.queue_id))
        proposals = [event.data.get("rule", "") for event in history if event.kind == _PROPOSED]
        gone = tuple(d for d in view.recipients if d.state.left)
        reports = tuple(_report(event) for event in history if event.kind == _REPORTED)
        manager = self._people().manager_of(view.mail.identity.address) or ""
        return Mishap(gone, history, reports, proposals[-1] if proposals else "", manager)

    async def report(self, view: View, form: Mapping[str, Collection[str]], seen: str) -> None:
        """Keep what happened in the mail's history; whoever answers for the service hears that there is a report."""
        wrong = await self._wrong(view, form.get("recipient", ()), seen)
        happened = within_bounds(next(iter(form.get("happened", ())), ""))
        content = next(iter(form.get("content", ())), "")
        if not happened or content not in CONTENT:
            raise NotConfirmed(N_("Nothing was kept: say what happened, and what the mail holds."))
        steps = [step for step in STEPS if step in form.get("step", ())]
        data = {"wrong": ",".join(wrong), "happened": happened, "content": content, "steps": ",".join(steps)}
        await self._keep(view, _REPORTED, data, content)

    async def propose(self, view: View, recipients: Collection[str], seen: str) -> None:
        """Show the administrators the rule that would have held it, once a mail."""
        wrong = await self._wrong(view, recipients, seen)
        if (await self.of(view)).proposal:
            raise NotConfirmed(N_("A rule was proposed for this mail already."))
        rule = proposal(view, wrong)
        await self._keep(view, _PROPOSED, {"rule": rule}, rule)

    async def _wrong(self, view: View, recipients: Collection[str], seen: str) -> list[str]:
        gone = {key(d.address): d.address for d in (await self.of(view)).gone}
        self._desk.seen.check(view, seen)
        keys = dict.fromkeys(map(key, recipients))
        if not keys or not keys.keys() <= gone.keys():
            raise NotConfirmed(N_("Tick who should not have got it."))
        return [gone[one] for one in keys]

    async def _keep(self, view: View, event: str, data: Mapping[str, str], why: str) -> None:
        told = {"about": event, "name": view.person, "why": why, "mail": view.mail.queue_id}
        await self._desk.note(view, event, self._alerts(told), data)


def proposal(view: View, wrong: Collection[str]) -> str:
    """One entry of a rule file: this sender to these recipients is asked first. Strings are JSON, which is YAML."""
    mail, sender = view.mail, view.mail.identity.address
    who = ", ".join(json.dumps(one, ensure_ascii=False) for one in wrong)
    about = json.dumps(f"Proposed by {view.person}: mail {mail.queue_id} went to the wrong person", ensure_ascii=False)
    lines = (
        f"- id: proposed-{mail.queue_id.lower()}",
        f"  description: {about}",
        "  when:",
        f"    sender: {{in: [{json.dumps(sender, ensure_ascii=False)}]}}",
        f"    recipients: {{any: {{in: [{who}]}}}}",
        "  then: [{hold: {until: sender_confirms}}]",
    )
    return "\n".join(lines)


def _report(event: Event) -> Report:
    data = event.data
    return Report(
        event.at, event.actor.partition(" (")[0], tuple(filter(None, data.get("wrong", "").split(","))),
        data.get("happened", ""), data.get("content", ""), tuple(filter(None, data.get("steps", "").split(","))),
    )  # fmt: skip
