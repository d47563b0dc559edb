"""What every page needs: the desk, the language, the zone, and how a template becomes an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailguard.clock import Clock
from mailguard.desk import Desk
from mailguard.notices.when import When
from mailguard.web.guard import same_site
from mailguard.web.settings import WebSettings
from mailguard.web.show import Teller
from mailguard.web.words import Words

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Site:
    """Shared by all pages of one application."""

    desk: Desk
    settings: WebSettings
    clock: Clock
    words: Words
    zone: Callable[[], str]
    paused: Callable[[], bool]
    aside: Callable[[], datetime | None] = lambda: None

    def teller(self) -> Teller:
        """Speaks of mails as of now."""
        return Teller(self.words, When(ZoneInfo(self.zone()), self.words.language, self.clock.now()))

    def page(self, name: str, status: int = 200, **values: object) -> HTMLResponse:
        """The template, filled in."""
        template = _TEMPLATES.get_template(name)
        shown = {"paused": self.paused(), "aside": self._aside(), **values}
        return HTMLResponse(template.render(say=self.words.say, **shown), status)

    def _aside(self) -> str:
        """One line while new mail is not checked; '' as ever."""
        until = self.aside()
        return self.words.say("bypass", at=self.teller().when.at(until)) if until else ""

    def note(self, kind: str, status: int) -> HTMLResponse:
        """A page of a heading and one sentence that says what to do."""
        return self.page("note.html", status, heading=self.words.say(f"{kind}_title"), text=self.words.say(kind))

    def trusts(self, request: Request) -> bool:
        """Whether this post comes from a page of ours, or from no page at all."""
        return same_site(request.headers, self.settings.url)

    def reason(self, error: Exception, name: str) -> str:
        """Why nothing was done: the desk's own sentence where it speaks the reader's language."""
        return str(error) if self.words.language == "en" else self.words.say(name)


def see(path: str) -> Response:
    """303: what was done is shown by a page that can be loaded again without doing it again."""
    return RedirectResponse(path, 303)
