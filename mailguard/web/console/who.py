"""One address as the rules see it: whose it is, what it expands to, and who stands for whom."""

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.notices.words import clean
from mailguard.people import People
from mailguard.people.access import Right
from mailguard.web.console.gate import Gate

_MEMBERS = 500


@dataclass(frozen=True, slots=True)
class Who:
    """Nothing here can be changed: people.yaml and the directory say it."""

    gate: Gate

    def routes(self) -> list[Route]:
        return [self.gate.get("/people", self.show, Right.SEE)]

    async def show(self, request: Request, person: str) -> Response:
        people = self.gate.staff.people
        address = clean(request.query_params.get("address", ""), 254)
        return self.gate.show(
            "console_people.html",
            person,
            address=address,
            facts=list(self._facts(people, address)) if "@" in address else [],
            members=sorted(people.expand(address))[:_MEMBERS] if "@" in address and _is_list(people, address) else [],
            groups=sorted((name, len(members)) for name, members in people.groups.items()),
        )

    def _facts(self, people: People, address: str) -> Iterable[tuple[str, str]]:
        say, one = self.gate.site.say, people.person(address)
        yield say("Address"), people.canonical(address)
        yield say("Where"), say("outside the company") if people.external(address) else say("inside")
        if people.unknown_list(address):
            yield say("List"), say("nobody can expand it, so it counts as outside")
        if one is not None:
            today = self.gate.site.clock.now().astimezone(ZoneInfo(self.gate.site.zone())).date()
            assistant = one.assistant.address if one.assistant else ""
            acting = people.stand_in(one.address, today)
            yield from (
                (name, value)
                for name, value in (
                    (say("Name"), one.name),
                    (say("Title"), one.title),
                    (say("Also"), ", ".join(one.aliases)),
                    (say("Manager"), people.manager_of(address) or ""),
                    (say("Assistant"), assistant),
                    (say("Asked in their place today"), acting if acting != one.address else ""),
                    (say("A machine; who answers for it"), (one.owner or "–") if one.service else ""),
                    (say("Shared by"), ", ".join(one.members)),
                )
                if value
            )
        mine = sorted(name for name in people.groups if people.in_group(address, name))
        yield say("Groups"), ", ".join(mine) or "–"
        claims = self.gate.site.desk.claims(address)
        roles = sorted(role.value for role in self.gate.staff.access.roles(address, people, claims))
        yield say("Roles"), ", ".join(roles) or "–"


def _is_list(people: People, address: str) -> bool:
    return people.expand(address) != {people.canonical(address)}
