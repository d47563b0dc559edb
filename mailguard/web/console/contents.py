"""What a mail of others says: its text, its HTML and its files, each only after a reason was written down."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailguard.desk import NotConfirmed
from mailguard.notices.words import clean
from mailguard.people.access import Right
from mailguard.web import forms
from mailguard.web.console.gate import PREFIX, Gate
from mailguard.web.contents import download, framed, listed

T = TypeVar("T")
Page = Callable[[Request, str], Awaitable[Response]]
_MAIL = "/mail/{key}"


@dataclass(frozen=True, slots=True)
class Contents:
    """Posts alone, each with the reason in it: a page that is loaded again reads nothing."""

    gate: Gate

    def routes(self) -> list[Route]:
        pages = {"/read": self.text, "/html": self.html, "/file/{number:int}": self.file}
        posts = [self.gate.post(_MAIL + path, self._reasoned(page), Right.CONTENT) for path, page in pages.items()]
        return [*posts, *(self.gate.get(_MAIL + path, self.back, Right.SEE) for path in pages)]

    async def back(self, request: Request, _: str) -> Response:
        return RedirectResponse(f"{PREFIX}/mail/{request.path_params['key']}", 303)

    async def text(self, request: Request, person: str) -> Response:
        number, why = await _asked(request)
        mail, reading = _there(await self.gate.staff.read(person, number, why))
        site = self.gate.site
        return self.gate.show(
            "console_content.html", person, number=number, reading=reading, why=why, error="",
            subject=clean(mail.subject) or site.say("(no subject)"), files=listed(reading, site.teller()),
            digests=[digest.hex() for digest in reading.digests],
        )  # fmt: skip

    async def html(self, request: Request, person: str) -> Response:
        number, why = await _asked(request)
        return framed(_there(await self.gate.staff.html(person, number, why)))

    async def file(self, request: Request, person: str) -> Response:
        number, why = await _asked(request)
        return download(*_there(await self.gate.staff.file(person, number, request.path_params["number"], why)))

    def _reasoned(self, page: Page) -> Page:
        """Without a reason the page says that one is wanted."""

        async def reasoned(request: Request, person: str) -> Response:
            try:
                return await page(request, person)
            except NotConfirmed as refused:
                error, number = self.gate.site.reason(refused), request.path_params["key"].upper()
                return self.gate.show("console_content.html", person, 422, number=number, reading=None, error=error)

        return reasoned


async def _asked(request: Request) -> tuple[str, str]:
    """Which mail, and why."""
    return request.path_params["key"].upper(), forms.one(await forms.read(request), "why")


def _there(found: T | None) -> T:
    if found is None:
        raise HTTPException(404)
    return found
