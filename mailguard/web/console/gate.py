"""Who may open which page of the console: to everybody else there is none, with 404 as for what is absent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.desk import NotAllowed, Staff
from mailguard.people.access import Right
from mailguard.web.sign_in import SignIn
from mailguard.web.site import Site

Page = Callable[[Request, str], Awaitable[Response]]
PREFIX = "/console"
# where somebody with these rights finds something, in the order of the menu
PLACES = {
    "": Right.SEE,
    "/rules": Right.RULES,
    "/people": Right.SEE,
    "/health": Right.SEE,
}


@dataclass(frozen=True, slots=True)
class Gate:
    """Every page of the console is opened through here."""

    site: Site
    staff: Staff
    sign_in: SignIn

    def get(self, path: str, page: Page, right: Right | None = None) -> Route:
        return Route(PREFIX + path, self._guarded(page, right), methods=["GET"])

    def post(self, path: str, page: Page, right: Right | None = None) -> Route:
        """Of our own pages only."""

        async def act(request: Request, person: str) -> Response:
            if not self.site.trusts(request):
                return self.site.note("refused", 403)
            return await page(request, person)

        return Route(PREFIX + path, self._guarded(act, right), methods=["POST"])

    def show(self, name: str, person: str, status: int = 200, **values: object) -> Response:
        rights = self.staff.rights(person)
        places = [place for place, right in PLACES.items() if right in rights]
        may = {right.value for right in rights}
        return self.site.page(name, status, person=person, places=places, may=may, **values)

    def _guarded(self, page: Page, right: Right | None) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            person = await self.sign_in.trusted(request)
            if person is None:
                return await self.sign_in.page_of(request, PREFIX)
            rights = self.staff.rights(person)
            if not rights or (right is not None and right not in rights):
                raise HTTPException(404)
            try:
                return await page(request, person)
            except NotAllowed:
                raise HTTPException(404) from None

        return guarded
