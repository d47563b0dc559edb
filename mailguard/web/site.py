"""What every page needs: the desk, the language, the zone, and how a template becomes an answer."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailguard.clock import Clock
from mailguard.desk import Desk, Refusal
from mailguard.locale import Language, When, language, wanted
from mailguard.web.guard import same_site
from mailguard.web.live import Streams
from mailguard.web.sentences import NOTES
from mailguard.web.settings import WebSettings
from mailguard.web.show import Teller

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

_reads: ContextVar[str] = ContextVar("reads", default="")  # the reader's language; each request is a context of its own


@dataclass(frozen=True, slots=True)
class Site:
    """Shared by all pages of one application."""

    desk: Desk
    settings: WebSettings
    clock: Clock
    default: str  # the organization's language
    zone: Callable[[], str]
    paused: Callable[[], bool]
    aside: Callable[[], datetime | None]
    streams: Streams

    @property
    def language(self) -> Language:
        """Of whoever asks for this page."""
        return language(_reads.get() or self.default)

    def hear(self, headers: Headers) -> None:
        """A stranger's language is what the browser asks for, if it is one of ours."""
        _reads.set(wanted(headers.get("accept-language", "")))

    def greet(self, person: str) -> None:
        """From here on this request is answered in this person's language."""
        _reads.set(self.desk.language(person) or self.default)

    def usual(self, person: str) -> str:
        """What this person reads who chose no language."""
        return self.desk.language(person, chosen=False) or self.default

    def teller(self) -> Teller:
        """Speaks of mails as of now."""
        return Teller(When(ZoneInfo(self.zone()), self.language, self.clock.now()))

    def page(self, name: str, status: int = 200, **values: object) -> HTMLResponse:
        """The template, filled in."""
        spoken = self.language
        template = _TEMPLATES.get_template(name)
        shown = {
            "paused": self.paused(), "aside": self._aside(), "devices": bool(self.desk.app_passwords.most),
            "factors": self.settings.passwords, **values,
        }  # fmt: skip
        said = {"_": spoken.say, "ngettext": spoken.ngettext, "tell": spoken.tell, "language": spoken.name}
        return HTMLResponse(template.render(said, **shown), status)

    def say(self, message: str, /, **values: object) -> str:
        return self.language.say(message, **values)

    def _aside(self) -> str:
        """One line while new mail is not checked; '' as ever."""
        until = self.aside()
        if until is None:
            return ""
        return self.say(
            "mailguard stands aside: until it is over {at}, new mail leaves unchecked. What is held stays held.",
            at=self.teller().when.at(until),
        )

    def note(self, kind: str, status: int) -> HTMLResponse:
        """A page of a heading and one sentence that says what to do."""
        heading, text = NOTES[kind]
        return self.page("note.html", status, heading=self.say(heading), text=self.say(text))

    def trusts(self, request: Request) -> bool:
        """Whether this post comes from a page of ours, or from no page at all."""
        return same_site(request.headers, self.settings.url)

    def reason(self, refusal: Refusal) -> str:
        """Why nothing was done, as the desk says it."""
        return self.say(refusal.sentence, **refusal.values)


def see(path: str) -> Response:
    """303: what was done is shown by a page that can be loaded again without doing it again."""
    return RedirectResponse(path, 303)
