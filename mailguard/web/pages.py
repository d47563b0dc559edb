"""One mail's page: GET shows, POST acts. The same for a link's holder and for a signed-in sender."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mailguard.desk import SAID_LIMIT, CodeNeeded, CodeWrong, NotAllowed, NotConfirmed, View, pulse
from mailguard.mail.address import key
from mailguard.notices.fate import Stage, fate
from mailguard.records import Decision, Ending, OnExpiry, Power
from mailguard.web import forms
from mailguard.web.aid import AidPages
from mailguard.web.contents import Contents, Find
from mailguard.web.forms import Form
from mailguard.web.show import concerned, needs_code, needs_login
from mailguard.web.sign_in import SignIn
from mailguard.web.site import Site, see

POWERS = {
    Power.SENDER: frozenset(
        {"stop", "send", "drop", "swap", "cancel", "cancel-earlier", "hide", "extend", "ask", "report"}
    ),
    Power.APPROVER: frozenset({"stop", "send", "report", "send-back", "comment"}),
    Power.ASSISTANT: frozenset({"stop", "send", "comment"}),
}


@dataclass(frozen=True, slots=True)
class MailPages:
    """The pages under `prefix`/KEY, where `find` knows whose mail KEY is."""

    site: Site
    prefix: str
    find: Find
    sign_in: SignIn

    def routes(self) -> list[Route]:
        """GET of an action's address leads back to the page: reloading after a refusal, or a machine that looks."""
        page = self.prefix + "/{key}"
        return [
            Route(page, self.show, methods=["GET"]),
            Route(page + "/{verb:verb}", self.act, methods=["POST"]),
            Route(page + "/{verb:verb}", self.back, methods=["GET"]),
            Route(page + "/events", self.events, methods=["GET"]),
            *Contents(self.site, self.prefix, self.find, self.sign_in).routes(),
            *AidPages(self.site, self.prefix, self.find).routes(),
        ]

    async def show(self, request: Request) -> Response:
        return self._page(request, await self._view(request))

    async def events(self, request: Request) -> Response:
        """The fact of this mail, again whenever it changes."""
        view, streams = await self._view(request), self.site.streams
        if streams.full:
            return Response(status_code=204)  # which tells a browser not to come again

        async def tell() -> dict[str, str]:
            now = await self.find(request) or view
            headline = self.site.teller().headline(fate(now.mail, concerned(now)), len(concerned(now)))
            return {"pulse": pulse(now.mail), "headline": headline}

        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        told = streams.follow(lambda: self.site.desk.pulse(view.mail.queue_id), tell)
        # a proxy that collects the answer before it passes it on would pass on nothing
        return StreamingResponse(told, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def back(self, request: Request) -> Response:
        return see(self._path(request))

    async def act(self, request: Request) -> Response:
        """Do it and show what is so now, or say on the page why nothing was done."""
        if not self.site.trusts(request):
            return self.site.note("refused", 403)
        view, form, verb = await self._view(request), await forms.read(request), request.path_params["verb"]
        try:
            decision = await self._do(verb, view, form)
        except NotConfirmed as error:
            return self._page(request, await self._view(request), 422, self.site.reason(error))
        except CodeNeeded:
            return self._code(request, view, said=forms.one(form, "said"))
        except CodeWrong as error:
            return self._code(request, view, self.site.reason(error), forms.one(form, "said"))
        except NotAllowed as error:
            return self._not_allowed(request, view, verb, error)
        if decision.ending is Ending.UNKNOWN:
            raise HTTPException(404)
        return see(self._path(request) + ("?told" if verb == "comment" else ""))

    async def _view(self, request: Request) -> View:
        view = await self.find(request)
        if view is None:
            raise HTTPException(404)
        return view

    async def _do(self, verb: str, view: View, form: Form) -> Decision:
        desk, seen = self.site.desk, forms.one(form, "seen")
        match verb:
            case "stop":
                return await desk.stop(view)
            case "send":
                code, said = forms.one(form, "code").replace(" ", ""), forms.one(form, "said")
                return await desk.send(view, form.get("confirm", []), seen, code, said)
            case "drop":
                return await desk.drop(view, form.get("recipient", []), seen)
            case "swap":
                return await desk.suggestions.swap(view, form.get("recipient", []), seen)
            case "send-back":
                confirm, comment = form.get("confirm", []), forms.one(form, "comment")
                return await desk.approvals.send_back(view, comment, confirm, seen)
            case "comment":
                return await desk.approvals.comment(view, forms.one(form, "comment"), seen)
            case "hide":
                return await desk.hide(view, form.get("recipient", []), seen)
            case "extend":
                return await desk.extend(view, forms.one(form, "hours"), seen)
            case "ask":
                return await desk.ask(view, forms.one(form, "said"), form.get("confirm", []), seen)
            case "report":
                return await desk.report(view, forms.one(form, "rule"), forms.one(form, "why"), seen)
            case "cancel-earlier":
                return await desk.cancel_earlier(view, form.get("confirm", []), seen)
            case _:
                return await desk.cancel(view, form.get("confirm", []), seen)

    def _not_allowed(self, request: Request, view: View, verb: str, error: NotAllowed) -> Response:
        if overtaken(view, verb):
            return see(self._path(request))
        return self._page(request, view, 403, self.site.reason(error))

    def _path(self, request: Request) -> str:
        return f"{self.prefix}/{request.path_params['key']}"

    def _page(self, request: Request, view: View, status: int = 200, error: str = "") -> Response:
        held = fate(view.mail, concerned(view)).stage is Stage.HELD
        return self.site.page(
            "mail.html",
            status,
            path=self._path(request),
            view=view,
            shown=self.site.teller().mail(view),
            error=error,
            stoppable=_offers_stop(view),
            acts=bool(view.allowed - {"stop", "report"} or view.earlier) or (_offers_stop(view) and held),
            held=held,
            power=view.power.value,
            code=needs_code(view),
            login=needs_login(view),
            outbox=self.prefix == "/outbox",
            aid=view.power is Power.SENDER and any(d.state.left for d in view.recipients),
            told="told" in request.query_params,
            approvals=self.prefix == "/approvals",
            pulse=pulse(view.mail),
            limit=SAID_LIMIT,
        )

    def _code(self, request: Request, view: View, error: str = "", said: str = "") -> Response:
        """The next step after the ticks, which stand in hidden fields now: the code is what a person adds."""
        return self.site.page("code.html", 422, path=self._path(request), view=view, error=error, said=said)


def overtaken(view: View, verb: str) -> bool:
    """Whether the holder has this power and only events were faster: nothing waits, or it is done already."""
    if verb not in POWERS[view.power]:
        return False
    if verb in ("stop", "cancel-earlier") or not any(d.state.waiting for d in concerned(view)):
        return True
    approves = view.power is Power.APPROVER and verb in ("send", "send-back")
    if approves and not any(hold.approvers for hold in view.mail.open_holds):
        return True  # the word of others was enough
    mine = key(view.person)
    return verb == "send" and any(
        mine in map(key, h.approved_by) or h.resolved_by.startswith(view.person) for h in view.mail.holds
    )


def _offers_stop(view: View) -> bool:
    """On a mail that is held anyway, stop is no use to its sender, unless time would send it."""
    if "stop" not in view.allowed:
        return False
    now = fate(view.mail, concerned(view))
    return now.stage is not Stage.HELD or view.power is not Power.SENDER or now.on_expiry is OnExpiry.SEND
