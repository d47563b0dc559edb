"""Signing in at an OpenID provider: the browser goes there with a question, and comes back with an answer."""

from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailguard.locale import N_
from mailguard.log import Log
from mailguard.notices.words import clean
from mailguard.oidc import Asked, NotProven, Unreachable
from mailguard.records import Way
from mailguard.web.guard import client
from mailguard.web.limits import Limit
from mailguard.web.site import Site, see
from mailguard.web.then import ours

if TYPE_CHECKING:
    from mailguard.oidc.provider import Provider
    from mailguard.web.sign_in import SignIn

START, BACK = "/outbox/oidc", "/outbox/oidc/back"
_LASTS = timedelta(minutes=10)
_DOWN = N_("{name} does not answer at the moment. Try again in a few minutes.")
_DOWN_CODE = N_("{name} does not answer at the moment. Let us mail you a code instead, or try again in a few minutes.")
_UNPROVEN = N_("{name} did not prove who you are. Try again; if that does not help, ask your administrator.")
_STALE = N_("This sign-in took too long, was used already, or began in another window. Sign in again.")
_NOBODY = N_("{name} says that you are {person}, which is nobody's mailbox here.")


class Oidc:
    """The only GET that changes anything is the answer's: it opens a session, for the browser that asked, and once."""

    def __init__(self, site: Site, sign_in: "SignIn", provider: "Provider", log: Log) -> None:
        self._site, self._sign_in, self._provider, self._log = site, sign_in, provider, log
        self._once = Limit(1, _LASTS, site.clock)

    @property
    def name(self) -> str:
        return self._provider.name

    def routes(self) -> list[Route]:
        return [
            Route(START, self.start, methods=["GET"]),
            Route(BACK, self.back, methods=["GET"]),
            Route("/outbox/signed-out", self.signed_out, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """No form, because our own policy lets no form lead elsewhere; and nothing happens here by opening it."""
        if not self._sign_in.allows(request):
            return self._site.note("too_often", 429)
        asked, then = Asked.new(), ours(request.query_params.get("then", ""))
        try:
            url = await self._provider.authorize(asked)
        except Unreachable as error:
            return self._down(request, then, error)
        answer = RedirectResponse(url, 303)
        self._sign_in.keep(answer, "oidc", f"{asked.secret}.{then}", _LASTS, lax=True)
        return answer

    async def back(self, request: Request) -> Response:
        """A session's cookie is not sent along by a redirect from elsewhere: a page of ours leads on."""
        if request.method != "GET":
            return see("/outbox")
        if not self._sign_in.allows(request):
            return self._site.note("too_often", 429)
        secret, _, then = request.cookies.get(self._sign_in.cookie("oidc"), "").partition(".")
        asked, then = Asked(secret), ours(then)
        said = dict(request.query_params)
        if not secret or (asked.fits(said.get("state", "")) and not self._once.allows(asked.state)):
            return self._forget(self._sign_in.page(request, 422, self._site.say(_STALE), then=then))
        try:
            found = await self._provider.identify(said, asked)
        except Unreachable as error:
            return self._down(request, then, error)
        except NotProven as error:
            self._log.auth_failed("", client(request), why=clean(f"{self.name}: {error}", 500))
            return self._forget(self._sign_in.page(request, 403, self._say(_UNPROVEN), then=then))
        cookie = await self._site.desk.vouched(found.address, Way.OIDC, second=found.second, claims=found.groups)
        if cookie is None:
            self._log.auth_failed(found.address, client(request), why=f"{self.name}: nobody of ours")
            sentence = self._say(_NOBODY, person=clean(found.address))
            return self._forget(self._sign_in.page(request, 403, sentence, then=then))
        return self._forget(self._sign_in.opened(self._site.page("welcome.html", then=then), cookie))

    async def signed_out(self, _: Request) -> Response:
        """Of mailguard; being signed in there still is said, with the way out."""
        try:
            url = await self._provider.leave()
        except Unreachable:
            url = ""
        return self._site.page("signed_out.html", provider=self.name, url=url)

    def _down(self, request: Request, then: str, error: Unreachable) -> Response:
        self._log.provider_down(self.name, error)
        sentence = _DOWN_CODE if self._site.settings.codes else _DOWN
        return self._sign_in.page(request, 503, self._say(sentence), then=then)

    def _forget(self, answer: Response) -> Response:
        self._sign_in.keep(answer, "oidc", "", timedelta(), lax=True)
        return answer

    def _say(self, sentence: str, **values: object) -> str:
        return self._site.say(sentence, name=self.name, **values)
