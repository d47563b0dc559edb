"""The pages on which a login's person enrols a second factor: the password, the QR code, the first code."""

from io import BytesIO

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.desk import Enrolment, NotConfirmed, Pending
from mailguard.notices.words import clean
from mailguard.web import forms
from mailguard.web.guard import client
from mailguard.web.sign_in import ADDRESS_LIMIT, PASSWORD_LIMIT, SignIn
from mailguard.web.site import Site, see

PATH = "/outbox/second-factor"


class SecondFactor:
    """A session of any way will do: nothing is shown before the password, and the code of a factor that is there."""

    def __init__(self, site: Site, sign_in: SignIn, enrolment: Enrolment | None) -> None:
        self._site, self._sign_in, self._enrolment = site, sign_in, enrolment

    def routes(self) -> list[Route]:
        if self._enrolment is None:
            return []
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.begin, methods=["POST"]),
            Route(f"{PATH}/confirm", self.confirm, methods=["POST"]),
            Route(f"{PATH}/confirm", self._back, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        login = await self._sign_in.login(request)
        if login is None:
            return self._sign_in.page(request, then=PATH)
        return self._page(login.person, name=login.name)

    async def begin(self, request: Request) -> Response:
        """The answer shows the secret; loaded again it shows another one, and neither counts before its first code."""
        if not self._site.trusts(request) or self._enrolment is None:
            return self._site.note("refused", 403)
        person, form = await self._sign_in.person(request), await forms.read(request)
        if person is None:
            return see(PATH)
        name, password = clean(forms.one(form, "name"), ADDRESS_LIMIT), forms.one(form, "password")
        if not self._sign_in.allows(request, name):
            return self._site.note("too_often", 429)
        try:
            said = password if len(password) <= PASSWORD_LIMIT else ""
            pending = await self._enrolment.begin(person, name, said, forms.one(form, "code"), client(request))
        except NotConfirmed as error:
            return self._page(person, 422, error=self._site.reason(error), name=name)
        return self._page(person, pending=pending)

    async def confirm(self, request: Request) -> Response:
        if not self._site.trusts(request) or self._enrolment is None:
            return self._site.note("refused", 403)
        person, form = await self._sign_in.person(request), await forms.read(request)
        if person is None:
            return see(PATH)
        login, until, mark = (forms.one(form, name) for name in ("login", "until", "mark"))
        if not self._sign_in.allows(request, login):
            return self._site.note("too_often", 429)
        pending = None
        try:
            pending = await self._enrolment.pending(person, login, until, mark)
            recovery = await self._enrolment.confirm(person, pending, forms.one(form, "code"))
        except NotConfirmed as error:
            return self._page(person, 422, error=self._site.reason(error), pending=pending)
        return self._page(person, recovery=recovery)

    async def _back(self, _: Request) -> Response:
        return see(PATH)

    def _page(
        self, person: str, status: int = 200, *, error: str = "", name: str = "", pending: Pending | None = None,
        recovery: tuple[str, ...] = (),
    ) -> Response:  # fmt: skip
        desk = self._site.desk
        return self._site.page(
            "second_factor.html", status, person=person, console=desk.has_role(person),
            choices=desk.preferences.allowed.any, zone=self._site.teller().zone(), error=error, login=name,
            pending=pending, picture=_picture(pending.uri) if pending else "", recovery=recovery,
            key=_grouped(pending.secret) if pending else "",
        )  # fmt: skip


def _picture(uri: str) -> Markup:
    """An SVG of dark on light, whatever the page's colours are: that is how apps read it."""
    drawn = BytesIO()
    segno.make(uri, micro=False, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=False, nl=False, omitsize=True, border=4, dark="#000", light="#fff",
        svgclass=None, lineclass=None,
    )  # fmt: skip
    return Markup(drawn.getvalue().decode())  # noqa: S704 - nothing but a path


def _grouped(key: str) -> str:
    return " ".join(key[at : at + 4] for at in range(0, len(key), 4))
