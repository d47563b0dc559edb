"""What every answer carries, and which posts are refused before anybody looks at them."""

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailguard.mail import peer

Report = Callable[[Exception], None]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Puts the headers on every answer, a page's own header wins; and answers when a page could not."""

    def __init__(
        self, app: ASGIApp, broken: Callable[[], Response], report: Report | None, hear: Callable[[Headers], None]
    ) -> None:
        """`hear` is told what each request says of itself, before anybody answers it."""
        self._app, self._broken, self._report, self._hear = app, broken, report, hear

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False
        if scope["type"] == "http":
            self._hear(Headers(scope=scope))

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as error:
            if not started:
                await self._broken()(scope, receive, guarded)
            if self._report is None:
                raise
            self._report(error)


def same_site(headers: Headers, url: str) -> bool:
    """Whether a post may come from where it says it comes from.

    Our own pages send `Origin: null`, because their referrer policy is no-referrer; what tells them from a foreign
    page is Sec-Fetch-Site. Programs send neither, and have no cookie to abuse.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    return headers.get("origin", "null") in ("null", url)


def client(request: Request) -> str:
    """Who asks: the address that the connection, or a proxy on this machine, names."""
    return request.client.host if request.client else ""


def subscriber(request: Request) -> str:
    """Who asks, for counting: of IPv6 a whole /64, or each of one customer's addresses had tries of its own."""
    return peer.client(client(request))
