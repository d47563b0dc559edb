"""Signing in and out: who is in, and the page that offers the ways."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.desk import Enrolment, Passwords
from mailguard.locale import N_
from mailguard.log import Log
from mailguard.notices.words import clean
from mailguard.records import Login, Way
from mailguard.web import forms
from mailguard.web.guard import client, subscriber
from mailguard.web.limits import Limit
from mailguard.web.oidc import BACK, Oidc
from mailguard.web.settings import WebSettings
from mailguard.web.site import Site, see
from mailguard.web.then import ours

if TYPE_CHECKING:
    from mailguard.oidc.provider import Provider

_NO_COOKIE = N_("Your browser did not keep our cookie. Allow cookies for this site, then ask for a new code.")
_WRONG_CODE = N_("That is not the code we mailed, or it is too old. Try again, or ask for a new one.")
_WRONG_PASSWORD = N_("Name, password and code do not fit together. A code is good once: wait for the next one.")
_NOT_TICKED = N_("Nothing was done: tick the box and press again.")
_SECOND = N_("Your role asks for a second factor, which you did not sign in with. Sign in again:")
_SPAN = timedelta(minutes=10)
_TYPED = (
    "/outbox",
    "/outbox/preferences",
    "/outbox/app-passwords",
    "/outbox/second-factor",
    "/approvals",
    "/console",
)  # there the address is typed, not ticked
ADDRESS_LIMIT = 254  # RFC 5321 §4.5.3.1.3
PASSWORD_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Ways:
    """How people may sign in beside a mailed code, which the settings say."""

    provider: "Provider | None" = None
    passwords: Passwords | None = None
    enrolment: Enrolment | None = None
    log: Log | None = None

    @classmethod
    def of(cls, settings: WebSettings, clock: Clock, log: Log, passwords: Passwords, enrolment: Enrolment) -> "Ways":
        """What these settings allow."""
        provider = None
        if settings.oidc is not None:
            from mailguard.oidc.provider import Provider  # an extra's libraries, and slow to load

            provider = Provider(settings.oidc, settings.url + BACK, settings.url + "/outbox", clock)
        on = settings.passwords
        return cls(provider, passwords if on else None, enrolment if on else None, log)


class SignIn:
    """The pages that lead in and out, and who is in."""

    def __init__(self, site: Site, ways: Ways) -> None:
        self._site, self._passwords = site, ways.passwords
        self._by_client = Limit(30, _SPAN, site.clock)
        self._by_person = Limit(10, _SPAN, site.clock)
        self._oidc = Oidc(site, self, ways.provider, ways.log) if ways.provider and ways.log else None

    def routes(self) -> list[Route]:
        steps = {"sign-out": self.leave}
        if self._site.settings.codes:
            steps |= {"sign-in": self.ask, "code": self.enter}
        if self._passwords:
            steps["password"] = self.prove
        posts = [Route(f"/outbox/{name}", step, methods=["POST"]) for name, step in steps.items()]
        backs = [Route(f"/outbox/{name}", self.back, methods=["GET"]) for name in steps]
        return [*posts, *backs, *(self._oidc.routes() if self._oidc else ())]

    # who is in
    async def login(self, request: Request) -> Login | None:
        """How they signed in, if that way is still there; from here on the page is in their language."""
        cookie = request.cookies.get(self.cookie("session"))
        login = await self._site.desk.login(cookie) if cookie else None
        if login is None or not self._site.settings.offers(login.way):
            return None
        self._site.greet(login.person)
        return login

    async def person(self, request: Request) -> str | None:
        """Who is signed in."""
        login = await self.login(request)
        return login.person if login else None

    async def trusted(self, request: Request) -> str | None:
        """The same for what takes a role: nobody, where that role asks for a second factor and there was none."""
        login = await self.login(request)
        return login.person if login and not self._too_weak(login) else None

    def _too_weak(self, login: Login) -> bool:
        return not login.second and self._site.desk.wants_second(login.person)

    # leading in
    def page(
        self, request: Request, status: int = 200, error: str = "", *, person: str = "", then: str = "/outbox",
        second: bool = False, tried: str = "",
    ) -> Response:  # fmt: skip
        """Gives the browser a mark of its own first: the code will work in this browser only.

        With `person` that mailbox alone will do: it is ticked, not typed, so that no machine asks for a code.
        With `second` only what brings a second factor will do. `tried`: the name of a login whose password was tried.
        """
        answer = self._site.page(
            "sign_in.html", status, error=error, person=person, then=then, tried=tried,
            codes=self._site.settings.codes and not second, passwords=self._passwords is not None,
            provider=self._oidc.name if self._oidc else "",
        )  # fmt: skip
        if not request.cookies.get(self.cookie("browser")):
            self.keep(answer, "browser", tokens.new(), timedelta(hours=1))
        return answer

    async def page_of(self, request: Request, then: str) -> Response:
        """For who is not `trusted`: not signed in, or not as their role asks."""
        if await self.login(request) is None:
            return self.page(request, then=then)
        return self.page(request, 403, self._site.say(_SECOND), then=then, second=True)

    async def back(self, _: Request) -> Response:
        return see("/outbox")

    async def ask(self, request: Request) -> Response:
        """Mail a code. The answer is the same whether the address is one of ours or not."""
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        form = await forms.read(request)
        address, then = _address(form), ours(forms.one(form, "then"))
        if not request.cookies.get(self.cookie("browser")):
            return self.page(request, 422, self._site.say(_NO_COOKIE), then=then)
        if not address and then not in _TYPED:
            return self._site.page("not_ticked.html", 422, error=self._site.say(_NOT_TICKED), path=then)
        if not self.allows(request, address):
            return self._site.note("too_often", 429)
        await self._site.desk.sign_in(address, request.cookies[self.cookie("browser")])
        return self._site.page("sign_in_code.html", address=address, then=then, error="")

    async def enter(self, request: Request) -> Response:
        """A cookie for the right code from the browser that asked for it."""
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        form = await forms.read(request)
        address, code = _address(form), forms.one(form, "code").replace(" ", "")
        then = ours(forms.one(form, "then"))
        if not self.allows(request, address):
            return self._site.note("too_often", 429)
        browser = request.cookies.get(self.cookie("browser"), "")
        cookie = await self._site.desk.signed_in(address, code, browser) if browser and code else None
        if cookie is None:
            error = self._site.say(_WRONG_CODE)
            return self._site.page("sign_in_code.html", 422, address=address, then=then, error=error)
        return self.opened(see(then), cookie)

    async def prove(self, request: Request) -> Response:
        """A cookie for a login's name and password and its app's code of now."""
        if not self._site.trusts(request) or self._passwords is None:
            return self._site.note("refused", 403)
        form = await forms.read(request)
        name, then = clean(forms.one(form, "name"), ADDRESS_LIMIT), ours(forms.one(form, "then"))
        password, code = forms.one(form, "password"), forms.one(form, "code")
        if not self.allows(request, name):
            return self._site.note("too_often", 429)
        cookie = None
        if name and code and 0 < len(password) <= PASSWORD_LIMIT:
            cookie = await self._passwords.signed_in(name, password, code, client(request))
        if cookie is None:
            return self.page(request, 422, self._site.say(_WRONG_PASSWORD), then=then, tried=name)
        return self.opened(see(then), cookie)

    def opened(self, answer: Response, cookie: str) -> Response:
        """The answer, with the cookie of a session that was opened."""
        self.keep(answer, "session", cookie, self._site.desk.lasts)
        return answer

    async def leave(self, request: Request) -> Response:
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        cookie = request.cookies.get(self.cookie("session"))
        login = await self._site.desk.sign_out(cookie) if cookie else None
        there = self._oidc is not None and login is not None and login.way is Way.OIDC
        answer = see("/outbox/signed-out" if there else "/outbox")
        self.keep(answer, "session", "", timedelta())
        return answer

    def allows(self, request: Request, name: str = "") -> bool:
        """Whether this client, and whoever it says it is, may try once more."""
        if not self._by_client.allows(subscriber(request)):
            return False
        return not name or self._by_person.allows(self._site.desk.mailbox(name))

    # cookies
    def keep(self, answer: Response, name: str, value: str, lasts: timedelta, *, lax: bool = False) -> None:
        """`lax`: it comes along, too, when another site's page leads here."""
        answer.set_cookie(
            self.cookie(name), value, max_age=int(lasts.total_seconds()), path="/", httponly=True,
            samesite="lax" if lax else "strict", secure=self._site.settings.secure,
        )  # fmt: skip

    def cookie(self, name: str) -> str:
        """__Host- lets no sub-domain plant the cookie; browsers accept it over TLS only."""
        return ("__Host-" if self._site.settings.secure else "") + f"mailguard-{name}"


def _address(form: forms.Form) -> str:
    return clean(forms.one(form, "address"), ADDRESS_LIMIT)
