"""What a person chooses for themselves, as far as the administrator allows."""

from dataclasses import asdict

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.desk import NotConfirmed
from mailguard.locale import NAMES, language
from mailguard.web import forms
from mailguard.web.sign_in import SignIn
from mailguard.web.site import Site, see

PATH = "/outbox/preferences"
_FIELDS = ("language", "digest", "wait", "as_sent")


class Preferences:
    """The page; where nothing is allowed there is none."""

    def __init__(self, site: Site, sign_in: SignIn) -> None:
        self._site, self._sign_in = site, sign_in

    def routes(self) -> list[Route]:
        return [Route(PATH, self.show, methods=["GET"]), Route(PATH, self.save, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        person = await self._sign_in.person(request)
        if person is None:
            return self._sign_in.page(request, then=PATH)
        chosen = self._chosen(person).items()  # midnight is an hour, and no wait is none
        said = {name: "" if value is None or value is False else str(value) for name, value in chosen}
        return self._page(person, said, saved=bool(request.query_params))

    async def save(self, request: Request) -> Response:
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        person, form = await self._sign_in.person(request), await forms.read(request)
        if person is None:
            return see(PATH)
        said = {name: forms.one(form, name).strip() for name in _FIELDS}
        try:
            await self._site.desk.preferences.set(person, **said)
        except NotConfirmed as error:
            return self._page(person, said, 422, self._site.reason(error))
        return see(f"{PATH}?saved")

    def _chosen(self, person: str) -> dict[str, str | int | None]:
        return asdict(self._site.desk.preferences.of(person))

    def _page(
        self, person: str, said: dict[str, str], status: int = 200, error: str = "", *, saved: bool = False
    ) -> Response:
        allowed = self._site.desk.preferences.allowed
        if not allowed.any:
            raise HTTPException(404)
        return self._site.page(
            "preferences.html",
            status,
            person=person,
            console=self._site.desk.has_role(person),
            choices=True,
            zone=self._site.teller().zone(),
            error=error,
            saved=saved,
            said=said,
            allowed=allowed,
            languages=[(name, language(name).own_name) for name in NAMES],
            usual=language(self._site.usual(person)).own_name,
            hours=[(str(hour), f"{hour:02}:00") for hour in range(24)],
        )
