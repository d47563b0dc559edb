"""First aid for a mail that left: who has it, what to write to whom, a report for the record, a rule for next time."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.desk import SAID_LIMIT, NotAllowed, NotConfirmed, View
from mailguard.desk.aid import Holder, aid
from mailguard.desk.mishap import CONTENT, STEPS, Mishap, Report
from mailguard.locale import N_
from mailguard.notices.words import clean
from mailguard.records import Event
from mailguard.web import forms
from mailguard.web.contents import Find
from mailguard.web.show import Teller
from mailguard.web.site import Site, see

_CONTENT = {
    "personal": N_("personal data"),
    "secret": N_("something confidential of ours or of a client"),
    "internal": N_("something internal, not confidential"),
    "harmless": N_("nothing that matters"),
}
_STEPS = {
    "asked": N_("I asked those who got it to delete it"),
    "manager": N_("I told my manager"),
    "protection": N_("I told our data protection officer"),
}
_HISTORY = {
    "smtp.accepted": N_("handed in"),
    "message.held": N_("held"),
    "message.delayed": N_("waits"),
    "message.stopped": N_("stopped"),
    "message.sent_now": N_("let go"),
    "hold.approved": N_("approved"),
    "recipient.dropped": N_("a recipient was taken off"),
    "delivery.sent": N_("left"),
    "delivery.failed": N_("could not be delivered"),
    "aid.reported": N_("reported"),
    "rule.proposed": N_("a rule was proposed"),
}
_MOST = 50  # recipients and events that are shown


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail that its sender may send: nothing is sent from here."""

    to: str
    subject: str
    body: str

    @property
    def link(self) -> str:
        """Opens it in the mail program (RFC 6068)."""
        body = self.body.replace("\n", "\r\n")
        return f"mailto:{quote(self.to, safe='@')}?subject={quote(self.subject)}&body={quote(body)}"


@dataclass(frozen=True, slots=True)
class AidPages:
    """The pages under `prefix`/KEY/aid."""

    site: Site
    prefix: str
    find: Find

    def routes(self) -> list[Route]:
        page = self.prefix + "/{key}/aid"
        posts = {"report": self.report, "propose": self.propose}
        return [
            Route(page, self.show, methods=["GET"]),
            *(Route(f"{page}/{name}", act, methods=["POST"]) for name, act in posts.items()),
            *(Route(f"{page}/{name}", self.back, methods=["GET"]) for name in posts),
        ]

    async def show(self, request: Request) -> Response:
        return await self._page(request, await self._view(request))

    async def back(self, request: Request) -> Response:
        return see(self._path(request))

    async def report(self, request: Request) -> Response:
        if not self.site.trusts(request):
            return self.site.note("refused", 403)
        view, form = await self._view(request), await forms.read(request)
        try:
            await self.site.desk.mishaps.report(view, form, forms.one(form, "seen"))
        except NotConfirmed as error:
            return await self._page(request, view, 422, self.site.reason(error))
        return see(self._path(request))

    async def propose(self, request: Request) -> Response:
        if not self.site.trusts(request):
            return self.site.note("refused", 403)
        view, form = await self._view(request), await forms.read(request)
        try:
            await self.site.desk.mishaps.propose(view, form.get("recipient", []), forms.one(form, "seen"))
        except NotConfirmed as error:
            return await self._page(request, view, 422, self.site.reason(error))
        return see(self._path(request))

    async def _view(self, request: Request) -> View:
        """For the sender; for anybody else there is no such page."""
        view = await self.find(request)
        if view is not None:
            try:
                await self.site.desk.mishaps.of(view)
            except NotAllowed:
                view = None
        if view is None:
            raise HTTPException(404)
        return view

    def _path(self, request: Request) -> str:
        return f"{self.prefix}/{request.path_params['key']}/aid"

    async def _page(self, request: Request, view: View, status: int = 200, error: str = "") -> Response:
        teller, say, mail = self.site.teller(), self.site.say, view.mail
        mishap = await self.site.desk.mishaps.of(view)
        found = aid(mail, mishap.history, teller.when, only=[d.address for d in mishap.gone])
        return self.site.page(
            "aid.html",
            status,
            path=self._path(request),
            mail_path=self._path(request).removesuffix("/aid"),
            view=view,
            error=error,
            subject=clean(mail.subject) or say("(no subject)"),
            gone=[clean(d.address) for d in mishap.gone],
            holders=[_holder(teller, holder) for holder in found.holders] if found else [],
            waits=any(d.state.waiting for d in view.recipients),
            history=list(_history(teller, mishap.history)),
            drafts=list(_to_recipients(teller, view, mishap)),
            manager=Draft(
                mishap.manager, say("A mail went to the wrong person: {number}", number=mail.queue_id),
                found.report if found else "",
            ),
            reports=[_report(teller, report) for report in mishap.reports],
            proposal=mishap.proposal,
            content=[(one, say(_CONTENT[one])) for one in CONTENT],
            steps=[(one, say(_STEPS[one])) for one in STEPS],
            limit=SAID_LIMIT,
        )  # fmt: skip


def _holder(teller: Teller, holder: Holder) -> tuple[str, str, str]:
    """Address, since when they have it, and what the other side answered."""
    since = teller.when.short(holder.at, seconds=True, zone=True)
    said = teller.say("has it since {since}", since=since)
    if not holder.sure:
        said = teller.say("may have it since {since}: the connection broke off", since=since)
    return clean(holder.address), said, clean(holder.reply, 300)


def _history(teller: Teller, events: tuple[Event, ...]) -> Iterator[tuple[str, str, str]]:
    for event in [event for event in events if event.kind in _HISTORY][-_MOST:]:
        about = event.data.get("address") or event.data.get("rule", "") * (event.kind != "rule.proposed")
        at = teller.when.short(event.at, seconds=True)
        yield at, teller.say(_HISTORY[event.kind]), clean(about or event.actor.partition(" (")[0], 254)


def _to_recipients(teller: Teller, view: View, mishap: Mishap) -> Iterator[Draft]:
    """One letter each, so that nobody learns who else has it."""
    for d in mishap.gone[:_MOST]:
        if found := aid(view.mail, mishap.history, teller.when, only=[d.address]):
            yield Draft(d.address, teller.say("Please delete a mail that was not meant for you"), found.request)


def _report(teller: Teller, report: Report) -> tuple[str, str, str, tuple[str, ...]]:
    """When, who should not have got it, what happened; what it holds and what was done."""
    say = teller.say
    known = [say(_CONTENT[report.content])] if report.content in _CONTENT else []
    done = [say(_STEPS[step]) for step in report.steps if step in _STEPS]
    at, wrong = teller.when.short(report.at, seconds=True, zone=True), ", ".join(map(clean, report.wrong))
    return at, wrong, report.happened, (*known, *done)
