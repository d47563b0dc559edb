"""How mailguard is: what waits, what is late, and what somebody should look at."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.locale.when import When
from mailguard.people.access import Right
from mailguard.records import EVERYBODY, LegalHold, State
from mailguard.store.base import Counts
from mailguard.store.nodes import Node
from mailguard.web.console.found import STATES
from mailguard.web.console.gate import Gate

LOW = 1 << 30  # bytes free: below this it is said


@dataclass(frozen=True, slots=True)
class Condition:
    """What the service knows of itself. '' and None: nothing is wrong, or there is no such thing."""

    counts: Counts
    free: int | None  # bytes where the store writes
    reserve_spent: bool
    reload_failed: str  # where, of the last reload
    listeners: tuple[str, ...]
    next_hop: str
    sealed: tuple[int, datetime] | None  # the last seal of the audit
    directory: tuple[float, int] | None  # seconds since it was heard, people it knows
    frozen: tuple[str, ...]  # who may not hand in mail just now
    suspects: tuple[str, ...]  # rules that suddenly hold much
    nodes: tuple[Node, ...] = ()  # all that share the store; none where it is one process's
    legal_holds: tuple[LegalHold, ...] = ()
    held_back: int = 0  # mails that are there for a legal hold alone


@dataclass(frozen=True, slots=True)
class Line:
    """`alarm`: somebody should look."""

    name: str
    value: str
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """One page."""

    gate: Gate
    condition: Callable[[], Awaitable[Condition]]

    def routes(self) -> list[Route]:
        return [self.gate.get("/health", self.show, Right.SEE)]

    async def show(self, _: Request, person: str) -> Response:
        found, teller = await self.condition(), self.gate.site.teller()
        counts, when = found.counts, teller.when
        queue = [
            (teller.say(STATES[state]), counts.deliveries.get(state, 0), when.relative(counts.oldest.get(state)))
            for state in State
        ]
        lines = list(self._lines(found))
        return self.gate.show(
            "console_health.html", person, queue=queue, lines=sorted(lines, key=lambda one: not one.alarm),
            nodes=[_row(node, when) for node in found.nodes],
            same=len({node.about.get("rules") for node in found.nodes}) == 1,
        )  # fmt: skip

    def _lines(self, found: Condition) -> Iterable[Line]:
        say, size = self.gate.site.say, self.gate.site.language.size
        when = self.gate.site.teller().when
        if paused := self.gate.staff.paused:
            yield Line(say("Sending"), paused, alarm=True)
        late = found.counts.notices_undelivered
        yield Line(say("Notices not delivered for five minutes"), str(late), alarm=late > 0)
        if late := found.counts.journals_undelivered:
            yield Line(say("Copies the archive was not told of for five minutes"), str(late), alarm=True)
        free = say("not known") if found.free is None else size(found.free)
        yield Line(say("Free disk"), free, alarm=found.free is not None and found.free < LOW)
        if found.reserve_spent:
            yield Line(say("Room kept for a full disk"), say("used up"), alarm=True)
        yield Line(say("Last reload"), found.reload_failed or say("in order"), alarm=bool(found.reload_failed))
        yield Line(say("Mail comes in at"), ", ".join(found.listeners))
        yield Line(say("Mail goes to"), found.next_hop)
        if found.directory:
            age, people = found.directory
            yield Line(
                say("Directory"),
                say("{people} people, heard {minutes} minutes ago", people=people, minutes=int(age // 60)),
            )
        number, at = found.sealed or (0, None)
        sealed = say("seal {number} {at}", number=number, at=when.at(at)) if at else say("nothing is sealed yet")
        yield Line(say("Audit"), sealed)
        if found.legal_holds:
            persons = dict.fromkeys(one.person for one in found.legal_holds)
            named = ", ".join(say("everybody") if one == EVERYBODY else one for one in persons)
            kept = say("mails kept past their time: {mails}", mails=found.held_back)
            yield Line(say("Legal hold"), f"{named}; {kept}")
        if found.frozen:
            yield Line(say("Frozen: too much mail"), ", ".join(found.frozen), alarm=True)
        if found.suspects:
            yield Line(say("Rules that suddenly hold much"), ", ".join(found.suspects), alarm=True)


def _row(node: Node, when: When) -> tuple[str, str, str, str]:
    """A node's name and version, its rules, and when it was heard; why its files could not be read, if so."""
    about = node.about
    name = f"{node.name} ({about.get('version', '?')})"
    return name, about.get("rules", "")[:12], when.relative(node.seen_at), about.get("failed", "")
