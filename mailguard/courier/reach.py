"""Whether domains take mail at all, asked of DNS while a mail is being decided: in good time, or not known."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from mailguard.clock import Clock
from mailguard.courier.route import Route
from mailguard.errors import TemporaryFailure
from mailguard.records import Reach

BUDGET = 3.0  # seconds for all domains of one mail
MOST = 20  # domains of one mail that are looked up
REMEMBERED = 5000  # domains
GOOD, BAD, QUIET = 3600.0, 600.0, 60.0  # seconds that an answer, a bad one, and silence are believed


@dataclass(frozen=True, slots=True)
class _Answer:
    until: float
    why: str | None  # why nothing arrives there; '' it does; None DNS did not say


class Reaches:
    """One for the service. `routed`: whether the configuration says where mail for this domain goes.

    What it says of a domain, DNS need not know of: it always takes mail.
    """

    def __init__(self, route: Route, routed: Callable[[str], bool], clock: Clock, *, budget: float = BUDGET) -> None:
        self._route, self._routed, self._clock, self._budget = route, routed, clock, budget
        self._known: OrderedDict[str, _Answer] = OrderedDict()
        self._quiet_until = 0.0

    async def of(self, domains: Collection[str], within: float) -> Reach:
        """What DNS says of these (A-labels) within so many seconds, and never more than our budget."""
        asked = [
            name for name in dict.fromkeys(domains) if name and not name.startswith("[") and not self._routed(name)
        ]
        await self._look_up([name for name in asked[:MOST] if self._recall(name) is None], min(within, self._budget))
        found = {name: self._recall(name) for name in asked}
        bad = {name: answer.why for name, answer in found.items() if answer is not None and answer.why}
        silent = frozenset(name for name, answer in found.items() if answer is None or answer.why is None)
        return Reach(bad, silent)

    def _recall(self, domain: str) -> _Answer | None:
        answer = self._known.get(domain)
        return answer if answer is not None and answer.until > self._clock.monotonic() else None

    async def _look_up(self, domains: Collection[str], seconds: float) -> None:
        if not domains or self._clock.monotonic() < self._quiet_until:
            return
        asking = {asyncio.create_task(self._ask(name)) for name in domains}
        done, late = await asyncio.wait(asking, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        if not any(task.result() for task in done):  # nobody is there to ask: don't make every mail wait for that
            self._quiet_until = self._clock.monotonic() + QUIET

    async def _ask(self, domain: str) -> bool:
        """Whether there was an answer; it is remembered."""
        try:
            why: str | None = await self._route.refuses(domain)
            if why and not await self._route.sees_outside():  # an inner resolver denies everything outside
                why = None
        except TemporaryFailure:
            self._remember(domain, None, QUIET)
            return False
        self._remember(domain, why, GOOD if why == "" else BAD)
        return True

    def _remember(self, domain: str, why: str | None, seconds: float) -> None:
        self._known[domain] = _Answer(self._clock.monotonic() + seconds, why)
        self._known.move_to_end(domain)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
