"""The web application: its routes, and what it answers when something is wrong."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from mailguard.clock import Clock
from mailguard.desk import Desk, View
from mailguard.errors import TemporaryFailure
from mailguard.web.api import Parts, create_api
from mailguard.web.api.app import PREFIX
from mailguard.web.app_passwords import AppPasswords
from mailguard.web.approvals import Approvals
from mailguard.web.console import Console, Sources
from mailguard.web.guard import Guard, Report
from mailguard.web.live import Streams
from mailguard.web.outbox import Outbox
from mailguard.web.pages import MailPages
from mailguard.web.second_factor import SecondFactor
from mailguard.web.settings import WebSettings
from mailguard.web.sign_in import SignIn, Ways
from mailguard.web.site import Site, see

Ready = Callable[[], Awaitable[bool]]

_STATIC = {
    "mailguard.css": "text/css",
    "console.css": "text/css",
    "mailguard.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_STATIC_AGE = timedelta(hours=1)
_NOTES = {404: "not_found", 405: "not_found"}


class _Verb(Convertor[str]):
    """What can be done to a mail; any other word in that place is not found."""

    regex = "stop|send|send-back|comment|drop|swap|cancel-earlier|cancel|hide|extend|ask|report"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("verb", _Verb())


async def _always() -> bool:
    return True


def create_app(
    desk: Desk,
    settings: WebSettings,
    clock: Clock,
    ready: Ready = _always,
    *,
    zone: Callable[[], str] = lambda: "UTC",
    language: str = "en",
    report: Report | None = None,
    paused: Callable[[], bool] = lambda: False,
    aside: Callable[[], datetime | None] = lambda: None,
    api: Parts | None = None,
    console: Sources | None = None,
    ways: Ways | None = None,
) -> Starlette:
    """The pages. `zone` is asked anew for every page; `ready` answers /readyz; `language` is one of `locale.NAMES`.

    `report` hears of what should not have happened; without it the server's own log does. While `paused`, the pages
    say that nothing is sent. `aside`: until when the guard stands aside, if it does. `api`, `console`: without it there
    is none. `ways`: how people sign in beside a mailed code.
    """
    site = Site(desk, settings, clock, language, zone, paused, aside, Streams(clock))
    sign_in = SignIn(site, ways or Ways())

    async def by_link(request: Request) -> View | None:
        view = await desk.view(request.path_params["key"])
        if view is not None:
            site.greet(view.person)
        return view

    app = Starlette(
        routes=[
            Route("/", _begin),
            Route("/livez", _live),
            Route("/readyz", _readiness(ready, paused)),
            Route("/static/{name}", _static),
            *MailPages(site, "/m", by_link, sign_in).routes(),
            *AppPasswords(site, sign_in).routes(),
            *SecondFactor(site, sign_in, ways.enrolment if ways else None).routes(),
            *Outbox(site, sign_in).routes(),
            *Approvals(site, sign_in).routes(),
            *([Mount(PREFIX, create_api(site, api, sign_in.person))] if api else []),
            *(Console(site, console, sign_in).routes() if console else ()),
        ],
        middleware=[Middleware(Guard, broken=lambda: site.note("busy", 500), report=report, hear=site.hear)],
        exception_handlers=_handlers(site),
    )
    app.state.streams = site.streams  # to be closed when the server stops
    app.router.redirect_slashes = False  # it would answer with a link made from the Host header
    return app


def metrics_app(scrape: Callable[[], Awaitable[bytes]]) -> Starlette:
    """/metrics, on a listener of its own; `scrape` makes the text."""

    async def metrics(_: Request) -> Response:
        return Response(await scrape(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(routes=[Route("/metrics", metrics)])


async def _begin(_: Request) -> Response:
    """Whoever types the bare address is shown what everybody has."""
    return see("/outbox")


async def _live(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _readiness(ready: Ready, paused: Callable[[], bool]) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_: Request) -> Response:
        """A paused service accepts mail, so it is ready: taking it out of service would help nobody."""
        if not await ready():
            return PlainTextResponse("not ready\n", 503)
        return PlainTextResponse("ok, sending is paused\n" if paused() else "ok\n")

    return readyz


_FILES = {name: (Path(__file__).parent / "static" / name).read_bytes() for name in _STATIC}


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        raise HTTPException(404)
    age = {"Cache-Control": f"public, max-age={int(_STATIC_AGE.total_seconds())}"}
    return Response(_FILES[name], media_type=_STATIC[name], headers=age)


def _handlers(site: Site) -> dict[object, Callable[[Request, Exception], Awaitable[Response]]]:
    async def http(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return site.note(_NOTES.get(status, "refused"), status)

    async def busy(_: Request, __: Exception) -> Response:
        return site.note("busy", 503)

    return {HTTPException: http, TemporaryFailure: busy}
