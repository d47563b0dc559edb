"""What of mine waits: sign in with a mailed code, look, stop, let go, cancel."""

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard import tokens
from mailguard.desk import LOGIN_LASTS, View
from mailguard.notices.fate import fate
from mailguard.notices.words import clean
from mailguard.records import Mail, State
from mailguard.web import forms
from mailguard.web.guard import client
from mailguard.web.limits import Limit
from mailguard.web.pages import MailPages
from mailguard.web.show import Teller, tone
from mailguard.web.site import Site, see

_SPAN = timedelta(minutes=10)
_ADDRESS_LIMIT = 254  # RFC 5321 §4.5.3.1.3


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list."""

    number: str
    headline: str
    tone: str
    subject: str
    recipients: str
    more: str
    stoppable: bool


class Outbox:
    """The pages under /outbox, and who is signed in on them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._by_client = Limit(30, _SPAN, site.clock)
        self._by_person = Limit(10, _SPAN, site.clock)
        self._mails = MailPages(site, "/outbox", self._own)

    def routes(self) -> list[Route]:
        steps = {"sign-in": self.sign_in, "code": self.code, "sign-out": self.sign_out}
        posts = [Route(f"/outbox/{name}", step, methods=["POST"]) for name, step in steps.items()]
        gets = [Route(f"/outbox/{name}", self.back, methods=["GET"]) for name in steps]
        return [Route("/outbox", self.show, methods=["GET"]), *posts, *gets, *self._mails.routes()]

    async def show(self, request: Request) -> Response:
        person = await self._person(request)
        if person is None:
            return self._sign_in_page(request)
        mails = [mail for mail in await self._site.desk.outbox(person) if mail.kind == "mail"]
        teller = self._site.teller()
        waits = [_entry(teller, mail) for mail in mails if fate(mail).waits]
        ended = [_entry(teller, mail) for mail in mails if not fate(mail).waits][:20]
        return self._site.page("outbox.html", person=person, waits=waits, ended=ended)

    async def back(self, _: Request) -> Response:
        return see("/outbox")

    async def sign_in(self, request: Request) -> Response:
        """Mail a code. The answer is the same whether the address is one of ours or not."""
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        address = _address(await forms.read(request))
        browser = request.cookies.get(self._name("browser"), "")
        if not browser:
            return self._sign_in_page(request, 422, self._site.words.say("sign_in_no_cookie"))
        if not self._allowed(request, address):
            return self._site.note("too_often", 429)
        await self._site.desk.sign_in(address, browser)
        return self._site.page("sign_in_code.html", address=address, error="")

    async def code(self, request: Request) -> Response:
        """A cookie for the right code from the browser that asked for it."""
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        form = await forms.read(request)
        address, code = _address(form), forms.one(form, "code").replace(" ", "")
        if not self._allowed(request, address):
            return self._site.note("too_often", 429)
        browser = request.cookies.get(self._name("browser"), "")
        cookie = await self._site.desk.signed_in(address, code, browser) if browser and code else None
        if cookie is None:
            error = self._site.words.say("sign_in_wrong")
            return self._site.page("sign_in_code.html", 422, address=address, error=error)
        answer = see("/outbox")
        self._keep(answer, "session", cookie, LOGIN_LASTS)
        return answer

    async def sign_out(self, request: Request) -> Response:
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        if cookie := request.cookies.get(self._name("session")):
            await self._site.desk.sign_out(cookie)
        answer = see("/outbox")
        self._keep(answer, "session", "", timedelta())
        return answer

    async def _own(self, request: Request) -> View | None:
        """A mail of the person who is signed in; for anybody else there is nothing here."""
        person = await self._person(request)
        return await self._site.desk.own(person, request.path_params["key"]) if person else None

    async def _person(self, request: Request) -> str | None:
        cookie = request.cookies.get(self._name("session"))
        return await self._site.desk.person(cookie) if cookie else None

    def _allowed(self, request: Request, address: str) -> bool:
        return self._by_client.allows(client(request)) and self._by_person.allows(address.casefold())

    def _sign_in_page(self, request: Request, status: int = 200, error: str = "") -> Response:
        """Gives the browser a mark of its own first: the code will work in this browser only."""
        answer = self._site.page("sign_in.html", status, error=error)
        if not request.cookies.get(self._name("browser")):
            self._keep(answer, "browser", tokens.new(), timedelta(hours=1))
        return answer

    def _keep(self, answer: Response, name: str, value: str, lasts: timedelta) -> None:
        answer.set_cookie(
            self._name(name), value, max_age=int(lasts.total_seconds()), path="/", httponly=True, samesite="strict",
            secure=self._site.settings.secure,
        )  # fmt: skip

    def _name(self, name: str) -> str:
        """__Host- lets no sub-domain plant the cookie; browsers accept it over TLS only."""
        return ("__Host-" if self._site.settings.secure else "") + f"mailguard-{name}"


def _address(form: forms.Form) -> str:
    return clean(forms.one(form, "address"), _ADDRESS_LIMIT)


def _entry(teller: Teller, mail: Mail) -> Entry:
    now = fate(mail)
    # who was taken off gets nothing, so is not among them; who is marked stands first, in sight
    goes_to = [d for d in mail.deliveries if d.state is not State.CANCELLED] or mail.deliveries
    shown = [clean(d.address) for d in sorted(goes_to, key=lambda d: not d.flagged)[:3]]
    more = len(goes_to) - len(shown)
    return Entry(
        mail.queue_id,
        teller.headline(now, len(mail.deliveries)),
        tone(now),
        clean(mail.subject) or teller.say("no_subject"),
        ", ".join(shown),
        teller.words.count("more", more) if more else "",
        tone(now) == "leaves",
    )
