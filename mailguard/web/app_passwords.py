"""The page of what one's mail programs log in with: a password for each device, made, listed and revoked here."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.desk import NotConfirmed
from mailguard.records import Actor, AppPassword
from mailguard.web import forms
from mailguard.web.sign_in import SignIn
from mailguard.web.site import Site, see

PATH = "/outbox/app-passwords"


class AppPasswords:
    """Who has a role that asks for a second factor signs in with one before they make a way around it."""

    def __init__(self, site: Site, sign_in: SignIn) -> None:
        self._site, self._sign_in = site, sign_in
        self._desk = site.desk.app_passwords

    def routes(self) -> list[Route]:
        if not self._desk.most:
            return []
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.make, methods=["POST"]),
            Route(f"{PATH}/revoke", self.revoke, methods=["POST"]),
            Route(f"{PATH}/revoke", self._back, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        person = await self._sign_in.trusted(request)
        if person is None:
            return await self._sign_in.page_of(request, PATH)
        return await self._page(person, revoked="revoked" in request.query_params)

    async def make(self, request: Request) -> Response:
        """The answer shows the password, once: loaded again it makes no second one, because its name is taken."""
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        person, form = await self._sign_in.trusted(request), await forms.read(request)
        if person is None:
            return see(PATH)
        name = forms.one(form, "name")
        try:
            secret = await self._desk.make(person, name)
        except NotConfirmed as error:
            return await self._page(person, 422, error=self._site.reason(error), name=name)
        return await self._page(person, secret=secret)

    async def revoke(self, request: Request) -> Response:
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        person, form = await self._sign_in.trusted(request), await forms.read(request)
        if person is None:
            return see(PATH)
        await self._desk.revoke(person, forms.one(form, "name"), Actor(person, "outbox"))
        return see(f"{PATH}?revoked")

    async def _back(self, _: Request) -> Response:
        return see(PATH)

    async def _page(
        self,
        person: str,
        status: int = 200,
        *,
        error: str = "",
        name: str = "",
        secret: str = "",
        revoked: bool = False,
    ) -> Response:
        return self._site.page(
            "app_passwords.html", status, person=person, console=self._site.desk.has_role(person),
            choices=self._site.desk.preferences.allowed.any, zone=self._site.teller().zone(), error=error, asked=name,
            secret=secret, revoked=revoked, most=self._desk.most,
            made=[self._shown(one) for one in await self._desk.of(person)],
        )  # fmt: skip

    def _shown(self, one: AppPassword) -> dict[str, str]:
        when = self._site.teller().when
        return {
            "name": one.name,
            "made": when.day(one.made_at.astimezone(when.zone).date()),
            "used": when.day(one.used_on) if one.used_on else "",
        }
