"""What is known of a directory's people: asked at the start and again and again, and kept while it is silent."""

import threading
from asyncio import wait_for, wrap_future
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from mailguard.clock import Clock
from mailguard.directory import copy
from mailguard.directory.client import SPANS, ask
from mailguard.directory.copy import Known, Unusable
from mailguard.directory.doubt import lost
from mailguard.directory.mapping import found as mapped
from mailguard.directory.remarks import no_answer
from mailguard.directory.settings import LdapSettings
from mailguard.directory.words import NoAnswer
from mailguard.document.problem import Problem
from mailguard.errors import ConfigError
from mailguard.log import Log
from mailguard.metrics import Metrics
from mailguard.people import Found, People

SOON = timedelta(minutes=5)  # after no answer; less if `every` is less
PATIENCE = 30.0  # seconds
MOST = 200  # mistakes that are logged one by one
FIRST = 75.0  # seconds for the first answer of all: systemd gives a start 90

Answer = Found | NoAnswer


class NothingKnown(ConfigError):
    """The directory is silent, and there is no earlier answer: whom the rules are about, nobody knows."""


class Bound(Protocol):
    """Rules and people that fit together; `watched` are the groups whose members decide something."""

    @property
    def people(self) -> People: ...

    @property
    def watched(self) -> frozenset[str]: ...


P = TypeVar("P", bound=Bound)


class Keeper:
    """One directory. `settle` is told how to bind rules to people, and binds them to what can be relied on."""

    def __init__(self, settings: LdapSettings, path: Path, clock: Clock, log: Log, metrics: Metrics) -> None:
        self.settings, self.path = settings, path
        self._clock, self._log, self._metrics = clock, log, metrics
        self.known: Known | None = None
        self.news: list[tuple[str, str]] = []  # (about, why) that somebody must be told of
        self._asking: Future[Answer] | None = None
        self._told = ""
        self._kept = False  # whether a copy of ours was there
        self._remarked: frozenset[Problem] = frozenset()
        self._answered = True

    # asking
    def open(self, bind: Callable[[Found], P]) -> P:
        """At the start, before there is anybody to wait: blocks. Raises NothingKnown, or what `bind` raises."""
        try:
            self.known = copy.read(self.path, self.settings)
            self._kept = self.known is not None
        except Unusable as error:
            self._log.directory_copy(str(error))
        patience = self._patience if self.known else FIRST
        try:
            answer = self._begin().result(patience)
        except TimeoutError:
            answer = _late(patience)
        return self.settle(answer, bind)

    async def ask(self, within: float | None = None) -> Answer:
        """The directory's word; waits as `_patience` says unless told otherwise. One reading at a time."""
        seconds = within or self._patience
        try:
            return await wait_for(wrap_future(self._begin()), seconds)
        except TimeoutError:
            return _late(seconds)

    async def run(self, renew: Callable[[Answer], Awaitable[None]]) -> None:
        """For ever: ask when it is time, and let `renew` do what follows. What it raises is logged."""
        while True:
            pause = self.settings.every if self._answered else min(SOON, self.settings.every)
            await self._clock.sleep(pause.total_seconds())
            answer = await self.ask(2 * SPANS * self.settings.timeout.total_seconds())
            try:
                await renew(answer)
            except Exception as error:
                self._log.failure("directory", error)

    @property
    def _patience(self) -> float:
        """Of whoever waits for an answer while there is an earlier one; `mailguard reload` itself waits a minute."""
        return min(3 * self.settings.timeout.total_seconds(), PATIENCE)

    def _begin(self) -> Future[Answer]:
        """In a thread that nobody waits for at the end: a hanging server never keeps the service from stopping."""
        if self._asking is None or self._asking.done():
            self._asking = Future()
            self._asking.set_running_or_notify_cancel()
            threading.Thread(target=self._answer, args=(self._asking,), name="directory", daemon=True).start()
        return self._asking

    def _answer(self, into: Future[Answer]) -> None:
        try:
            into.set_result(mapped(ask(self.settings, self._clock.monotonic), self.settings))
        except NoAnswer as error:
            into.set_result(error)
        except Exception as error:  # a bug of ours must not end the asking for good
            self._log.failure("directory", error)
            into.set_result(NoAnswer(f"mailguard could not make sense of it ({type(error).__name__})", "see the log"))

    # settling
    def settle(self, answer: Answer, bind: Callable[[Found], P]) -> P:
        """Rules bound to the answer's people; to what was known before, where the answer is none or in doubt.

        Blocks. Raises NothingKnown, or what `bind` raises with the people known before.
        """
        known = self.known
        if isinstance(answer, NoAnswer):
            return bind(self._instead(answer))
        if known is None or self._forgotten():
            return self._take(answer, bind(answer))
        try:
            bound = bind(answer)
        except ConfigError as error:
            before = bind(known.found)  # if that fails too, the files are wrong, and that is what must be heard
            return self._keep_back("refused", _first(error), known.asked_at, before)
        if gone := lost(known.found, answer, bound.watched):
            return self._keep_back("smaller", gone, known.asked_at, bind(known.found))
        return self._take(answer, bound)

    def age(self) -> float:
        """Seconds since the answer in use was given."""
        return (self._clock.now() - self.known.asked_at).total_seconds() if self.known else 0.0

    @property
    def people(self) -> int:
        return len(self.known.found.directory.persons) if self.known else 0

    def _forgotten(self) -> bool:
        """Somebody took the copy away, which says: take what comes."""
        return self._kept and not self.path.exists()

    def _take(self, found: Found, bound: P) -> P:
        self.known = Known(found, self._clock.now())
        self._answered, self._told = True, ""
        self._metrics.directory_ok.set(1)
        try:
            copy.write(self.path, self.known, self.settings)
            self._kept = True
        except OSError as error:
            self._log.failure("directory copy", error)
        said = found.directory
        self._log.directory_refreshed(len(said.persons), len(said.groups), len(said.lists))
        self._remark(frozenset(one for one in bound.people.warnings if one.path == found.source))
        return bound

    def _remark(self, remarks: frozenset[Problem]) -> None:
        """Each mistake once, when it comes."""
        fresh = sorted(remarks - self._remarked)
        self._remarked = remarks
        for problem in fresh[:MOST]:
            self._log.directory_remark(problem.code, problem.context, problem.message)
        if len(fresh) > MOST:
            self._log.directory_remark("", "", f"and {len(fresh) - MOST} more entries that are not as they should be")

    def _instead(self, error: NoAnswer) -> Found:
        self._answered = False
        self._metrics.directory_ok.set(0)
        if self.known is None:
            problem = no_answer(error, self.settings, "error")
            said = "the directory does not answer, and there is no earlier answer to go on with"
            raise NothingKnown(said, [problem])
        old = timedelta(seconds=self.age()) > self.settings.old
        self._log.directory_unreachable(str(error), self.known.asked_at, old=old)
        if error.mistake:
            self._tell("silent", str(error))
        elif old:
            self._tell("old", str(error))
        return self.known.found

    def _keep_back(self, kind: str, why: str, since: datetime, before: P) -> P:
        self._answered = True  # asking sooner would not help
        self._metrics.directory_ok.set(0)
        self._log.directory_kept_back(why, since)
        self._tell(kind, why)
        return before

    def _tell(self, kind: str, why: str) -> None:
        """Once, until it is another trouble or none."""
        if self._told != kind:
            self._told = kind
            self.news.append((f"directory.{kind}", why))


def _late(seconds: float) -> NoAnswer:
    return NoAnswer(f"no whole answer within {seconds:.0f} s", "narrow the filters, or raise directory.ldap.timeout")


def _first(error: ConfigError) -> str:
    """Where the rules no longer fit, for whoever is told."""
    found = [one for one in error.problems if isinstance(one, Problem) and one.severity == "error"]
    return "; ".join(f"{one.path}:{one.line}: {one.message}" for one in found[:3]) or str(error)
