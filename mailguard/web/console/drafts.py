"""A draft of rules on the facts of past mail, next to what was decided then."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from mailguard.clock import Clock
from mailguard.document import yaml
from mailguard.document.problem import Problem, render
from mailguard.document.tree import Document
from mailguard.errors import ConfigError
from mailguard.intake.judge import IntakeSettings
from mailguard.intake.trial import on_kept
from mailguard.people import People
from mailguard.records import Kept, Mail
from mailguard.rules.backtest import Report
from mailguard.rules.loader import parse
from mailguard.rules.rule import RuleSet
from mailguard.store.base import Store

SPANS = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
MOST = 5000  # mails
SHOWN = 100  # of those with another verdict
_AT_ONCE = 50


class Refused(Exception):
    """What is wrong with the draft, as `mailguard check` says it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """`whole`: all mail of the time was tried, not only the first MOST."""

    report: Report
    rules: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Drafts:
    """`lags`: how many copies left within so many seconds of their time, since the service began."""

    store: Store
    clock: Clock
    rules: Callable[[], RuleSet]
    people: Callable[[], People]
    settings: IntakeSettings
    lags: Callable[[], Sequence[tuple[str, int]]]

    async def tried(self, text: str, since: str, *, alone: bool) -> Tried:
        """`alone`: without the files in force that have no rule or list of the draft's. Raises Refused."""
        rules, now = await asyncio.to_thread(self._read, text, alone), self.clock.now()
        report, some, whole = Report(ZoneInfo(self.people().organization.zone)), [], True
        async for one in self.store.kept(now - SPANS.get(since, SPANS["7d"]), now):
            some.append(one)
            if len(some) == _AT_ONCE:
                await asyncio.to_thread(self._add, report, some, rules)
                some = []
                if report.mails >= MOST:
                    whole = False
                    break
        await asyncio.to_thread(self._add, report, some, rules)
        return Tried(report, len(rules.rules), whole)

    def _read(self, text: str, alone: bool) -> RuleSet:
        try:
            draft = yaml.parse(text, "draft.yaml")
            others = () if alone else self._others(draft)
            return parse([*others, draft], self.people())
        except ConfigError as error:
            found = [problem for problem in error.problems if isinstance(problem, Problem)]
            raise Refused(render(found) if found else str(error)) from None

    def _others(self, draft: Document) -> list[Document]:
        """The files in force but those that the draft is another version of."""
        mine = _names(draft)
        return [document for document in self.rules().documents if not mine & _names(document)]

    def _add(self, report: Report, some: Sequence[tuple[Mail, Kept]], rules: RuleSet) -> None:
        for mail, kept in some:
            report.add(on_kept(mail, kept, rules, self.people(), self.settings))


def _names(document: Document) -> set[str]:
    """Its rules and lists, which are one name space."""
    data = document.data if isinstance(document.data, dict) else {}
    rules = data.get("rules") if isinstance(data.get("rules"), list) else []
    lists = data.get("lists") if isinstance(data.get("lists"), dict) else {}
    return {str(rule["id"]) for rule in rules or () if isinstance(rule, dict) and "id" in rule} | set(
        map(str, lists or ())
    )
