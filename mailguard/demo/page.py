"""The page of caught mail: what would have left the machine."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from mailguard.demo.world import OutsideWorld

_FOLDER = Path(__file__).parent / "templates"
_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def caught_app(world: OutsideWorld) -> Starlette:
    """One page, newest first; links in notices can be followed, nothing of a mail is run or loaded."""
    pages = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True)

    async def show(_: Request) -> Response:
        text = pages.get_template("caught.html").render(mails=world.caught[::-1])
        return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"})

    async def style(_: Request) -> Response:
        return FileResponse(_FOLDER / "style.css")

    return Starlette(routes=[Route("/", show), Route("/style.css", style)])
