"""What of mine waits, what left and what the other side said: look, stop, cancel several at once."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.desk import View
from mailguard.mail.address import key
from mailguard.notices.fate import Fate, Stage, fate
from mailguard.notices.words import clean
from mailguard.records import Delivery, Mail, State
from mailguard.web import forms
from mailguard.web.pages import MailPages
from mailguard.web.preferences import Preferences
from mailguard.web.show import Teller, tone
from mailguard.web.sign_in import SignIn
from mailguard.web.site import Site, see

_SHOWN, _ENDED = 3, 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One mail of the list."""

    number: str
    headline: str
    relative: str
    tone: str
    subject: str
    recipients: str
    more: str
    stoppable: bool
    replies: tuple[tuple[str, str], ...] = ()  # address, what became of its copy and what the server said


class Outbox:
    """The pages under /outbox."""

    def __init__(self, site: Site, sign_in: SignIn) -> None:
        self._site, self._sign_in = site, sign_in
        self._mails = MailPages(site, "/outbox", self._own, sign_in)

    def routes(self) -> list[Route]:
        return [
            Route("/outbox", self.show, methods=["GET"]),
            *self._sign_in.routes(),
            Route("/outbox/cancel", self.cancel, methods=["POST"]),
            Route("/outbox/cancel", self._sign_in.back, methods=["GET"]),
            *Preferences(self._site, self._sign_in).routes(),
            *self._mails.routes(),
        ]

    async def show(self, request: Request) -> Response:
        person = await self._sign_in.person(request)
        return self._sign_in.page(request) if person is None else await self._page(person)

    async def cancel(self, request: Request) -> Response:
        """Every mail that was ticked by hand is cancelled and comes back; what left meanwhile stays as it is."""
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        person, form = await self._sign_in.person(request), await forms.read(request)
        if person is None:
            return self._sign_in.page(request, 403)
        ticked = dict.fromkeys(form.get("mail", []))
        if not self._site.desk.marks.fits(forms.one(form, "seen"), "outbox", key(person)):
            return await self._page(person, 422, self._site.say("This page is too old. Look again, then press."))
        if not ticked:
            error = self._site.say("Nothing was done: tick the mails to cancel, then press.")
            return await self._page(person, 422, error)
        for number in ticked:
            view = await self._site.desk.own(person, number)
            if view is not None and "cancel" in view.allowed:
                await self._site.desk.cancel(view, [number], view.seen)
        return see("/outbox")

    async def _page(self, person: str, status: int = 200, error: str = "") -> Response:
        mails = [mail for mail in await self._site.desk.outbox(person) if mail.kind == "mail"]
        teller = self._site.teller()
        waits = [_entry(teller, mail) for mail in mails if fate(mail).waits]
        ended = [_entry(teller, mail) for mail in [one for one in mails if not fate(one).waits][:_ENDED]]
        seen = self._site.desk.marks.of("outbox", key(person))
        return self._site.page(
            "outbox.html", status, person=person, waits=waits, ended=ended, seen=seen, error=error, zone=teller.zone(),
            console=self._site.desk.has_role(person), choices=self._site.desk.preferences.allowed.any,
        )  # fmt: skip

    async def _own(self, request: Request) -> View | None:
        """A mail of the person who is signed in; for anybody else there is nothing here."""
        person = await self._sign_in.person(request)
        return await self._site.desk.own(person, request.path_params["key"]) if person else None


def _entry(teller: Teller, mail: Mail) -> Entry:
    now = fate(mail)
    # who was taken off gets nothing, so is not among them; who is marked stands first, in sight
    goes_to = [d for d in mail.deliveries if d.state is not State.CANCELLED] or mail.deliveries
    shown = [clean(d.address) for d in sorted(goes_to, key=lambda d: not d.flagged)[:_SHOWN]]
    more = len(goes_to) - len(shown)
    return Entry(
        mail.queue_id,
        teller.headline(now, len(mail.deliveries)),
        _relative(teller, now),
        tone(now),
        clean(mail.subject) or teller.say("(no subject)"),
        ", ".join(shown),
        teller.language.ngettext("{number} more", "{number} more", more) if more else "",
        tone(now) == "leaves",
        () if now.waits else tuple(_reply(teller, d) for d in goes_to if d.state is not State.CANCELLED),
    )


def _relative(teller: Teller, now: Fate) -> str:
    if now.stage is Stage.HELD:
        return teller.say("{span} left to answer", span=teller.when.span(now.expires_at)) if now.expires_at else ""
    return teller.when.relative(now.at)


def _reply(teller: Teller, d: Delivery) -> tuple[str, str]:
    said = teller.told(d.last_reply, 300)
    if not said or d.state is State.FAILED:  # then `copy` says it
        return clean(d.address), teller.copy(d)
    return clean(d.address), teller.say("{what}. The server said: {reply}", what=teller.copy(d), reply=said)
