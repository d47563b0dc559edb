"""What the console is made of."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.routing import Route

from mailguard.clock import Clock
from mailguard.desk import Staff
from mailguard.intake.judge import IntakeSettings
from mailguard.people import People
from mailguard.rules.rule import RuleSet
from mailguard.store.base import Store
from mailguard.web.console.acts import Acts
from mailguard.web.console.contents import Contents
from mailguard.web.console.drafts import Drafts
from mailguard.web.console.figures import Counting
from mailguard.web.console.gate import Gate
from mailguard.web.console.health import Condition, Health
from mailguard.web.console.mails import Mails
from mailguard.web.console.rules import Rules
from mailguard.web.console.trees import Trees
from mailguard.web.console.who import Who
from mailguard.web.sign_in import SignIn
from mailguard.web.site import Site


@dataclass(frozen=True, slots=True)
class Sources:
    """What the console needs of the service."""

    staff: Staff
    trees: Trees
    counting: Counting
    drafts: Drafts
    condition: Callable[[], Awaitable[Condition]]

    @classmethod
    def of(
        cls, staff: Staff, store: Store, clock: Clock, rules: Callable[[], RuleSet], settings: IntakeSettings,
        lags: Callable[[], Sequence[tuple[str, int]]], condition: Callable[[], Awaitable[Condition]],
    ) -> "Sources":  # fmt: skip
        """All of it, of one service."""

        def people() -> People:
            return staff.people

        drafts = Drafts(store, clock, rules, people, settings, lags)
        return cls(staff, Trees(rules, people, settings.history.learn), Counting(store, clock), drafts, condition)


class Console:
    """The pages under /console."""

    def __init__(self, site: Site, sources: Sources, sign_in: SignIn) -> None:
        gate = Gate(site, sources.staff, sign_in)
        mails = Mails(gate, sources.trees)
        self._rooms = (
            mails,
            Contents(gate),
            Acts(gate, mails),
            Rules(gate, sources.counting, sources.drafts),
            Who(gate),
            Health(gate, sources.condition),
        )

    def routes(self) -> list[Route]:
        return [route for room in self._rooms for route in room.routes()]
