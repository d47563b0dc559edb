"""What each endpoint does. Everything that changes a mail goes through the desk, as a press on its page does."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from mailguard.audit import lines
from mailguard.clock import Clock
from mailguard.desk import CodeNeeded, CodeWrong, NotAllowed, NotConfirmed, Programs, View
from mailguard.desk.shapes import decision_json, event_json, hit_json, mail_json
from mailguard.mail import address
from mailguard.records import Decision, Ending, Role
from mailguard.rules.rule import RuleSet
from mailguard.store.base import Filter, Store
from mailguard.web.api import models
from mailguard.web.api.endpoint import Call, Endpoint, Refused

_SEE = frozenset(Role) - {Role.EDITOR}
_ACT = frozenset({Role.SENDER, Role.APPROVER, Role.ADMIN})
_CHANGE = frozenset({Role.SENDER, Role.ADMIN})
_MEDIA = {"jsonl": "application/jsonl", "csv": "text/csv"}
_LATE = {409: ("too late, or it was so already: the answer says since when", models.Decision)}


class Operations:
    """All of them, and their endpoints."""

    def __init__(
        self, programs: Programs, store: Store, rules: Callable[[], RuleSet],
        health: Callable[[], Awaitable[Mapping[str, Any]]], clock: Clock,
    ) -> None:  # fmt: skip
        self._programs, self._store, self._clock = programs, store, clock
        self._rules, self._health = rules, health

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Path by path."""
        one = "/mails/{queue_id}"

        def act(verb: str, summary: str, roles: frozenset[Role], body: type[BaseModel]) -> Endpoint:
            return Endpoint("POST", f"{one}/{verb}", f"{verb}Mail", summary, self._acting(verb), roles,
                            models.Decision, body=body, more=_LATE)  # fmt: skip

        return (
            Endpoint("GET", "/mails", "findMails", "List and search mails", self.find, _SEE, models.Mails, models.Find),
            Endpoint("GET", one, "getMail", "One mail, and what may be done to it", self.show, _SEE, models.Shown),
            Endpoint("GET", one + "/events", "getEvents", "A mail's history", self.events, _SEE, models.Events),
            act("stop", "Make the wait a hold; its sender is told", _ACT | {Role.HELPDESK}, models.Nothing),
            act("send", "Let it go now, or approve it", _ACT, models.Send),
            act("drop", "Take recipients off", _CHANGE, models.Drop),
            act("cancel", "End it: it comes back to its sender", _CHANGE, models.Confirmed),
            Endpoint("GET", "/rules", "getRules", "The live rules", self.rules,
                     frozenset({Role.EDITOR, Role.AUDITOR, Role.HELPDESK, Role.ADMIN}), models.Rules),
            Endpoint("GET", "/audit", "exportAudit", "The record of all decisions", self.audit,
                     frozenset({Role.AUDITOR, Role.ADMIN}), tuple(_MEDIA.values()), models.AuditRange),
            Endpoint("GET", "/health", "getHealth", "How the service is", self.health, frozenset(Role), models.Health),
        )  # fmt: skip

    # looking
    async def find(self, call: Call) -> models.Mails:
        asked: models.Find = call.asked
        what = Filter(
            state=asked.state, waiting=asked.waiting, sender=address.key(asked.sender), recipient=asked.recipient,
            rule=asked.rule, before=asked.before, after=asked.after.upper(), limit=asked.limit + 1,
        )  # fmt: skip
        found = await self._programs.mails(call.caller, what)
        page = found[: asked.limit]
        shown = tuple(models.Mail.model_validate(mail_json(mail)) for mail in page)
        return models.Mails(mails=shown, next=page[-1].queue_id if len(found) > len(page) else None)

    async def show(self, call: Call) -> models.Shown:
        view = await self._view(call)
        return models.Shown.model_validate(
            mail_json(view.mail)
            | {
                "hits": [hit_json(hit) for hit in view.mail.hits],
                "power": view.power,
                "allowed": sorted(view.allowed),
                "confirm": view.confirm,
                "requires": view.requires,
                "seen": view.seen,
            }
        )

    async def events(self, call: Call) -> models.Events:
        view = await self._view(call)
        events = await self._programs.events(view.mail.queue_id)
        return models.Events(events=tuple(models.Event.model_validate(event_json(event)) for event in events))

    async def rules(self, _call: Call) -> models.Rules:
        live = self._rules()
        shown = tuple(
            models.Rule(
                id=rule.id, description=rule.description, severity=rule.severity, mode=rule.mode.value,
                action=rule.action.name.lower(), file=rule.path.rpartition("/")[2], line=rule.line,
            )
            for rule in live.rules
        )  # fmt: skip
        return models.Rules(hash=live.hash, rules=shown)

    async def health(self, _call: Call) -> models.Health:
        said = await self._health()
        return models.Health.model_validate({name: said[name] for name in models.Health.model_fields})

    async def audit(self, call: Call) -> Response:
        """That it was taken out is a record too."""
        asked: models.AuditRange = call.asked
        data = {name: str(value) for name, value in asked.model_dump(mode="json", exclude_none=True).items()}
        await self._store.record("audit.exported", by=call.caller.actor, now=self._clock.now(), data=data)
        return StreamingResponse(self._exported(asked), media_type=_MEDIA[asked.format])

    async def _exported(self, asked: models.AuditRange) -> AsyncIterator[str]:
        window = lines.Window(asked.since, asked.until)
        if asked.format == "csv":
            yield lines.HEADER
        async with aclosing(self._store.audit()) as spans:
            async for span in spans:
                if piece := window.cut(span):
                    yield "".join(lines.jsonl([piece]) if asked.format == "jsonl" else lines.rows([piece]))
                if window.over:
                    return

    # acting
    def _acting(self, verb: str) -> Callable[[Call], Awaitable[BaseModel | Response]]:
        async def act(call: Call) -> BaseModel | Response:
            view = await self._view(call)
            try:
                decision = await self._do(verb, view, call.asked)
            except NotAllowed as error:
                if not any(delivery.state.waiting for delivery in view.mail.deliveries):
                    return _told(view.mail.queue_id, Decision(Ending.TOO_LATE))
                raise Refused(403, "not_allowed", str(error)) from error
            except NotConfirmed as error:
                raise Refused(422, "not_confirmed", str(error)) from error
            except CodeNeeded as error:
                raise Refused(422, "code_needed", str(error)) from error
            except CodeWrong as error:
                raise Refused(422, "code_wrong", str(error)) from error
            return _told(view.mail.queue_id, decision)

        return act

    async def _do(self, verb: str, view: View, asked: Any) -> Decision:
        desk = self._programs.desk
        match verb:
            case "stop":
                return await desk.stop(view)
            case "send":
                return await desk.send(view, asked.confirm, asked.seen, asked.code)
            case "drop":
                return await desk.drop(view, asked.recipients, asked.seen)
            case _:
                return await desk.cancel(view, asked.confirm, asked.seen)

    async def _view(self, call: Call) -> View:
        view = await self._programs.view(call.caller, call.queue_id)
        if view is None:
            raise _absent()
        return view


def _absent() -> Refused:
    return Refused(404, "not_found", "there is no such mail, or it is not yours")


def _told(queue_id: str, decision: Decision) -> BaseModel | Response:
    if decision.ending is Ending.UNKNOWN:
        raise _absent()
    said = models.Decision.model_validate(decision_json(queue_id, decision))
    if decision.ending is Ending.DONE:
        return said
    return Response(said.model_dump_json(), 409, media_type="application/json")
