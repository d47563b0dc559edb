"""Finding mails, and one mail with everything about it."""

import asyncio
import csv
import io
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailguard.notices.words import clean
from mailguard.people.access import Right
from mailguard.records import Mail
from mailguard.web.console import query
from mailguard.web.console.detail import detail
from mailguard.web.console.found import STATES, row
from mailguard.web.console.gate import PREFIX, Gate
from mailguard.web.console.trees import Trees

_PAGE = 50
_EXPORTED = 5000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for one


@dataclass(frozen=True, slots=True)
class Mails:
    """All about finding mails and looking at one."""

    gate: Gate
    trees: Trees

    def routes(self) -> list[Route]:
        return [
            self.gate.get("", self.search),
            self.gate.get("/mails.csv", self.export, Right.SEE),
            self.gate.get("/mail/{key}", self.mail, Right.SEE),
        ]

    async def search(self, request: Request, person: str) -> Response:
        """By what stands in the URL. Who may see no mail is shown to the pages there are for them."""
        if Right.SEE not in self.gate.staff.rights(person):
            return RedirectResponse(PREFIX + "/rules", 303)
        asked = self.asked(request)
        found = [] if asked.wrong else await self._found(person, asked, _PAGE + 1)
        teller = self.gate.site.teller()
        more = len(found) > _PAGE
        return self.gate.show(
            "console_search.html",
            person,
            422 if asked.wrong else 200,
            query=asked,
            states={name: teller.say(words) for name, words in STATES.items()},
            rows=[row(teller, mail) for mail in found[:_PAGE]],
            older=asked.link(after=found[_PAGE - 1].queue_id) if more else "",
            newest=asked.link(after="") if asked.said.get("after") else None,
            wrong=[teller.say(sentence, value=value) for sentence, value in asked.wrong],
        )

    async def export(self, request: Request, person: str) -> Response:
        """The same list as a file, longer; a cell is never a formula, whatever a subject begins with."""
        asked = self.asked(request)
        if asked.wrong:
            raise HTTPException(422)
        found = await self._found(person, asked, _EXPORTED)
        text = await asyncio.to_thread(_csv, found)
        headers = {"Content-Disposition": 'attachment; filename="mails.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    async def mail(self, request: Request, person: str) -> Response:
        found = await self.gate.staff.mail(person, request.path_params["key"].upper())
        if found is None:
            number = clean(request.path_params["key"], 40)
            return self.gate.show("console_none.html", person, 404, number=number)
        mail, events, kept = found
        reads = Right.CONTENT in self.gate.staff.rights(person)
        shown = detail(self.gate.site.teller(), mail, events, reads=reads)
        trees = await asyncio.to_thread(self.trees, mail, kept) if kept else ()
        return self.gate.show("console_mail.html", person, shown=shown, trees=trees, mail=mail)

    def asked(self, request: Request) -> query.Query:
        site = self.gate.site
        return query.read(request.query_params, site.clock.now(), ZoneInfo(site.zone()))

    async def _found(self, person: str, asked: query.Query, limit: int) -> list[Mail]:
        if asked.queue_id:
            one = await self.gate.staff.mail(person, asked.queue_id)
            return [one[0]] if one else []
        return await self.gate.staff.search(person, asked.limited(limit))


def _csv(mails: list[Mail]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["received_at", "queue_id", "state", "sender", "recipients", "subject", "rules", "message_id"])
    for mail in mails:
        recipients = " ".join(d.address for d in mail.deliveries)
        rules = " ".join(dict.fromkeys(hit.rule for hit in mail.hits if hit.mode == "enforce"))
        at = mail.received_at.isoformat().replace("+00:00", "Z")
        cells = (at, mail.queue_id, mail.state.value, mail.identity.address, recipients, mail.subject, rules)
        writer.writerow([_cell(cell) for cell in (*cells, mail.message_id)])
    return out.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
