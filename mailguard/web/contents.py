"""A mail's text, HTML and files: for who proved to be the person the page is for, not for who holds its link."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.desk import View
from mailguard.desk.reading import Reading
from mailguard.mail.address import key
from mailguard.notices.words import clean
from mailguard.web.show import Teller, described
from mailguard.web.sign_in import SignIn
from mailguard.web.site import Site

Find = Callable[[Request], Awaitable[View | None]]

# What somebody else wrote runs nothing and loads nothing: no scripts, no forms, no remote pictures, no other page.
_SEALED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "frame-ancestors 'self'; base-uri 'none'; sandbox"
)
_FRAMED = {
    "Content-Security-Policy": _SEALED,
    "X-Frame-Options": "SAMEORIGIN",
    "X-DNS-Prefetch-Control": "off",
}
_FILE = {"Content-Security-Policy": "default-src 'none'; sandbox"}


def framed(text: str) -> Response:
    """A mail's own HTML, for a frame on a page of ours, and useless outside of it."""
    return Response(text, media_type="text/html; charset=utf-8", headers=_FRAMED)


def download(name: str, content: bytes) -> Response:
    """Always a download under a harmless name, whatever it says it is."""
    plain = clean(name, 200).replace("/", "_").replace("\\", "_") or "file"
    kept = f"attachment; filename*=UTF-8''{quote(plain, safe='')}"
    return Response(content, media_type="application/octet-stream", headers={**_FILE, "Content-Disposition": kept})


def listed(reading: Reading, teller: Teller) -> list[tuple[str, str, str]]:
    """Name, kind and size of each file."""
    size = teller.language.size
    return [(clean(a.name, 200), described(a.content_type, a.name, teller.say), size(a.size)) for a in reading.files]


@dataclass(frozen=True, slots=True)
class Contents:
    """The pages under `prefix`/KEY that show what is written in a mail."""

    site: Site
    prefix: str
    find: Find
    sign_in: SignIn

    def routes(self) -> list[Route]:
        page = self.prefix + "/{key}"
        return [
            Route(page + "/text", self.text, methods=["GET"]),
            Route(page + "/html", self.html, methods=["GET"]),
            Route(page + "/file/{number:int}", self.file, methods=["GET"]),
        ]

    async def text(self, request: Request) -> Response:
        view = await self._view(request)
        path = f"{self.prefix}/{request.path_params['key']}"
        if not await self._proven(request, view):
            return self.sign_in.page(request, 403, person=view.person, then=f"{path}/text")
        reading = await self.site.desk.read(view)
        files = listed(reading, self.site.teller())
        subject = clean(view.mail.subject) or self.site.say("(no subject)")
        return self.site.page("text.html", path=path, subject=subject, reading=reading, files=files)

    async def html(self, request: Request) -> Response:
        view = await self._proven_view(request)
        return framed(await self.site.desk.html(view))

    async def file(self, request: Request) -> Response:
        view = await self._proven_view(request)
        found = await self.site.desk.file(view, request.path_params["number"])
        if found is None:
            raise HTTPException(404)
        return download(*found)

    async def _view(self, request: Request) -> View:
        view = await self.find(request)
        if view is None or not view.readable:
            raise HTTPException(404)
        return view

    async def _proven_view(self, request: Request) -> View:
        view = await self._view(request)
        if not await self._proven(request, view):
            raise HTTPException(404)
        return view

    async def _proven(self, request: Request, view: View) -> bool:
        person = await self.sign_in.person(request)
        return person is not None and key(person) == key(self.site.desk.main(view.person))
