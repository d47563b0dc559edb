"""Doing something to many mails: first what would change, then a tick made by hand, then how it went."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailguard.desk import NotConfirmed
from mailguard.desk.staff import VERBS
from mailguard.locale import N_
from mailguard.people.access import Right
from mailguard.records import Ending
from mailguard.web import forms
from mailguard.web.console.found import row
from mailguard.web.console.gate import PREFIX, Gate
from mailguard.web.console.mails import Mails

_ENDINGS = {
    Ending.DONE: N_("done"),
    Ending.ALREADY: N_("it was so already"),
    Ending.TOO_LATE: N_("too late: nothing of it waits any more"),
    Ending.UNKNOWN: N_("it is not there any more"),
}


@dataclass(frozen=True, slots=True)
class Acts:
    """The preview and what follows it, and pausing all that leaves."""

    gate: Gate
    mails: Mails

    def routes(self) -> list[Route]:
        return [
            self.gate.get("/preview", self.preview, Right.STOP),
            self.gate.get("/do", self.back),
            self.gate.post("/do", self.do, Right.STOP),
            self.gate.get("/sending", self.sending, Right.ACT),
            self.gate.post("/sending/pause", self.pause, Right.ACT),
            self.gate.post("/sending/resume", self.resume, Right.ACT),
            self.gate.get("/sending/{verb}", self.back_to_sending, Right.ACT),
        ]

    async def preview(self, request: Request, person: str) -> Response:
        """Changes nothing. Of the ticked mails, or (`all`) of all that wait among what a search finds."""
        asked, verb = self.mails.asked(request), request.query_params.get("do", "")
        if verb not in VERBS:
            raise HTTPException(404)
        recipient = request.query_params.get("recipient", "").strip()[:254] if verb == "drop" else ""
        ticked = request.query_params.getlist("mail")
        what = asked.limited(1) if request.query_params.get("all") and not asked.wrong else ticked
        plan = await self.gate.staff.plan(person, verb, what, recipient=recipient)
        teller = self.gate.site.teller()
        rows = [row(teller, mail, recipient) for mail in plan.mails]
        return self.gate.show("console_preview.html", person, plan=plan, rows=rows, error="")

    async def do(self, request: Request, person: str) -> Response:
        form = await forms.read(request)
        verb, recipient = forms.one(form, "do"), forms.one(form, "recipient")
        if verb not in VERBS:
            raise HTTPException(404)
        try:
            done = await self.gate.staff.carry_out(
                person, verb, form.get("mail", []), recipient=recipient, seen=forms.one(form, "seen"),
                confirm=forms.one(form, "confirm"),
            )  # fmt: skip
        except NotConfirmed as refused:
            error = self.gate.site.reason(refused)
            return self.gate.show("console_done.html", person, 422, endings=(), changed=(), error=error, count=0)
        say = self.gate.site.say
        return self.gate.show(
            "console_done.html",
            person,
            endings=[(number, say(_ENDINGS[ending])) for number, ending in done.endings],
            changed=done.changed,
            error="",
            count=sum(ending is Ending.DONE for _, ending in done.endings),
        )

    async def back(self, _request: Request, _person: str) -> Response:
        return RedirectResponse(PREFIX, 303)

    async def back_to_sending(self, _request: Request, _person: str) -> Response:
        return RedirectResponse(f"{PREFIX}/sending", 303)

    async def sending(self, _: Request, person: str) -> Response:
        return self._sending(person)

    async def pause(self, request: Request, person: str) -> Response:
        form = await forms.read(request)
        try:
            await self.gate.staff.pause(person, forms.one(form, "why"), forms.one(form, "confirm"))
        except NotConfirmed as refused:
            return self._sending(person, 422, self.gate.site.reason(refused))
        return RedirectResponse(f"{PREFIX}/sending", 303)

    async def resume(self, request: Request, person: str) -> Response:
        form = await forms.read(request)
        try:
            await self.gate.staff.resume(person, forms.one(form, "confirm"))
        except NotConfirmed as refused:
            return self._sending(person, 422, self.gate.site.reason(refused))
        return RedirectResponse(f"{PREFIX}/sending", 303)

    def _sending(self, person: str, status: int = 200, error: str = "") -> Response:
        return self.gate.show("console_sending.html", person, status, why=self.gate.staff.paused, error=error)
