"""What waits for my word: approvals, mail to the executives I look after, and who is asked while I am away."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.desk import Asked, NotConfirmed, View
from mailguard.mail.address import key
from mailguard.notices.fate import Fate, fate
from mailguard.notices.words import clean
from mailguard.records import Delivery, Hold, OnExpiry, State
from mailguard.web import forms
from mailguard.web.pages import MailPages
from mailguard.web.sentences import EXPIRIES, GOES_BACK
from mailguard.web.show import Teller, tone
from mailguard.web.sign_in import SignIn
from mailguard.web.site import Site, see

_SHOWN = 5  # recipients of a mail on the list
_FIELD_LIMIT = 254  # RFC 5321 §4.5.3.1.3


@dataclass(frozen=True, slots=True)
class Line:
    """One mail of the list. `ends` says when it ends unanswered, and how; `missing` who of how many has approved."""

    number: str
    headline: str
    tone: str
    subject: str
    sender: str
    recipients: tuple[tuple[str, str], ...]  # address, and why it is marked
    more: str
    reasons: tuple[str, ...]
    remarks: tuple[tuple[str, str], ...]  # who said why it should go
    missing: tuple[str, ...]
    ends: str
    answered: bool


class Approvals:
    """The pages under /approvals."""

    def __init__(self, site: Site, sign_in: SignIn) -> None:
        self._site, self._sign_in = site, sign_in
        self._mails = MailPages(site, "/approvals", self._view, sign_in)

    def routes(self) -> list[Route]:
        return [
            Route("/approvals", self.show, methods=["GET"]),
            Route("/approvals/absence", self.absent, methods=["POST"]),
            Route("/approvals/absence/end", self.back, methods=["POST"]),
            Route("/approvals/absence", self.home, methods=["GET"]),
            Route("/approvals/absence/end", self.home, methods=["GET"]),
            *self._mails.routes(),
        ]

    async def home(self, _: Request) -> Response:
        return see("/approvals")

    async def show(self, request: Request) -> Response:
        person = await self._sign_in.trusted(request)
        return await self._page(person) if person else await self._sign_in.page_of(request, "/approvals")

    async def absent(self, request: Request) -> Response:
        """Somebody else is asked for new mail on these days."""
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        person, form = await self._sign_in.trusted(request), await forms.read(request)
        if person is None:
            return see("/approvals")
        to, first, last = (clean(forms.one(form, name), _FIELD_LIMIT) for name in ("to", "from", "until"))
        try:
            await self._site.desk.absences.set(person, to, first, last)
        except NotConfirmed as error:
            return await self._page(person, 422, self._site.reason(error))
        return see("/approvals")

    async def back(self, request: Request) -> Response:
        """This person is asked again."""
        if not self._site.trusts(request):
            return self._site.note("refused", 403)
        if person := await self._sign_in.trusted(request):
            await self._site.desk.absences.end(person)
        return see("/approvals")

    async def _view(self, request: Request) -> View | None:
        person = await self._sign_in.trusted(request)
        return await self._site.desk.approvals.view(person, request.path_params["key"]) if person else None

    async def _page(self, person: str, status: int = 200, error: str = "") -> Response:
        desk, teller = self._site.desk, self._site.teller()
        queue = await desk.approvals.queue(person)
        return self._site.page(
            "approvals.html",
            status,
            person=person,
            zone=teller.zone(),
            console=desk.has_role(person),
            choices=desk.preferences.allowed.any,
            error=error,
            asked=[_approval(teller, one) for one in queue if not one.answered],
            answered=[_approval(teller, one) for one in queue if one.answered],
            assisted=[_assisted(teller, one) for one in await desk.approvals.looked_after(person)],
            absence=desk.absences.of(person),
            today=desk.absences.today.isoformat(),
            away=desk.absences.standing if desk.approvals.oversees(person) else {},
        )


def _approval(teller: Teller, one: Asked) -> Line:
    holds = one.holds
    reasons = dict.fromkeys(teller.told(hold.reason) for hold in holds if hold.reason)
    missing = tuple(_missing(teller, hold) for hold in holds)
    return _line(teller, one, one.mail.deliveries, tuple(reasons), missing)


def _missing(teller: Teller, hold: Hold) -> str:
    approved = len(hold.approved_by)
    said = teller.say("{approved} of {needed} approved", approved=approved, needed=hold.needed)
    return f"{said}: {', '.join(map(clean, hold.approved_by))}" if approved else said


def _assisted(teller: Teller, one: Asked) -> Line:
    """Of the executives' copies only, without a rule's words: they may name somebody in Bcc."""
    return _line(teller, one, [d for d in one.mail.deliveries if key(d.address) in one.scope], (), ())


def _ends(teller: Teller, now: Fate) -> str:
    if now.expires_at is None:
        return ""
    sentence = GOES_BACK if now.on_expiry is OnExpiry.RETURN else EXPIRIES[now.on_expiry]
    return teller.say(sentence, at=teller.when.at(now.expires_at))


def _line(
    teller: Teller, one: Asked, copies: Sequence[Delivery], reasons: tuple[str, ...], missing: tuple[str, ...]
) -> Line:
    mail, now = one.mail, fate(one.mail, copies)
    goes_to = sorted((d for d in copies if d.state is not State.CANCELLED), key=lambda d: not d.flagged)
    quote = bool(missing)
    shown = tuple((clean(d.address), teller.told(d.flagged) if quote else "") for d in goes_to[:_SHOWN])
    more = len(goes_to) - len(shown)
    return Line(
        number=mail.queue_id,
        headline=teller.headline(now, len(copies)),
        tone=tone(now),
        subject=clean(mail.subject) or teller.say("(no subject)"),
        sender=clean(mail.identity.address or mail.envelope.sender or "<>"),
        recipients=shown,
        more=teller.language.ngettext("{number} more", "{number} more", more) if more else "",
        reasons=reasons,
        remarks=tuple((clean(remark.by), remark.text) for remark in one.remarks),
        missing=missing,
        ends=_ends(teller, now),
        answered=one.answered,
    )
