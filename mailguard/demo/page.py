"""The pages of caught mail: what would have left the machine, and mailguard's notices with their links."""

from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from mailguard.demo.world import Caught, OutsideWorld

_FOLDER = Path(__file__).parent / "templates"
_PAGE = "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
# the letter in its frame: nothing is run or loaded, and its links open in a tab of their own
_LETTER = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
_NEW_TAB = '<base target="_blank">'


def caught_app(world: OutsideWorld, zone: ZoneInfo) -> Starlette:
    """Newest first, by mailbox; times in `zone`. Nothing of a mail is run or loaded."""
    pages = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True)

    def page(name: str, **values: Any) -> Response:
        return _answer(pages.get_template(name).render(zone=zone, **values), _PAGE)

    def asked(request: Request) -> tuple[int, Caught]:
        number: int = request.path_params["number"]
        if number >= len(world.caught):
            raise HTTPException(404)
        return number, world.caught[number]

    async def inbox(request: Request) -> Response:
        person = request.query_params.get("to", "")
        mails = [(n, mail) for n, mail in enumerate(world.caught) if not person or person in mail.recipients]
        boxes = Counter(recipient for mail in world.caught for recipient in mail.recipients)
        return page(
            "caught.html", mails=mails[::-1], boxes=sorted(boxes.items()), person=person, total=len(world.caught)
        )

    async def letter(request: Request) -> Response:
        number, mail = asked(request)
        return page("letter.html", number=number, mail=mail)

    async def html(request: Request) -> Response:
        return _answer(_NEW_TAB + asked(request)[1].html, _LETTER)

    async def raw(request: Request) -> Response:
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(asked(request)[1].raw, media_type="text/plain; charset=utf-8", headers=headers)

    async def style(_: Request) -> Response:
        return FileResponse(_FOLDER / "style.css")

    return Starlette(
        routes=[
            Route("/", inbox),
            Route("/mail/{number:int}", letter),
            Route("/mail/{number:int}/html", html),
            Route("/mail/{number:int}/raw", raw),
            Route("/style.css", style),
        ]
    )


def _answer(text: str, policy: str) -> Response:
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})
