"""One rule as it lives in the engine, and all of them together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from mailguard.document.problem import Problem
from mailguard.document.tree import Document
from mailguard.records import Action, Hit, Match, Mode
from mailguard.rules import actions
from mailguard.rules.action import ActionSpec
from mailguard.rules.delay import Delay
from mailguard.rules.facts import Facts
from mailguard.rules.logic import Node

S = TypeVar("S", bound=ActionSpec)


class OnError(StrEnum):
    """What becomes of a mail when a rule cannot tell."""

    HOLD = "hold"
    DELAY = "delay"
    PASS = "pass"  # noqa: S105 - not a password


@dataclass(frozen=True, slots=True)
class Rule:
    """when / unless / then, compiled."""

    id: str
    when: Node
    then: tuple[ActionSpec, ...]
    unless: Node | None = None
    description: str = ""
    explain: str | Mapping[str, str] = ""  # or by language
    severity: str = "normal"
    mode: Mode = Mode.ENFORCE
    pilot: tuple[str, ...] = ()  # groups whose senders it is enforced for; all when empty
    stop: bool = False
    on_error: OnError = OnError.HOLD
    budget: float | None = None  # seconds; the usual when None
    path: str = ""
    line: int = 0

    def mode_for(self, facts: Facts) -> Mode:
        """Its mode for this sender: outside its pilot groups a rule is in audit."""
        if self.mode is not Mode.ENFORCE or not self.pilot:
            return self.mode
        inside = any(facts.people.in_group(facts.sender, group) for group in self.pilot)
        return Mode.ENFORCE if inside else Mode.AUDIT

    @property
    def action(self) -> Action:
        """The strictest of its actions."""
        return max((_STRICTNESS.get(type(spec), Action.PASS) for spec in self.then), default=Action.PASS)

    @property
    def skippable(self) -> bool:
        """Whether `stop` skips it: it only delays, tells or labels, so no order weakens a policy."""
        return all(isinstance(spec, Delay | actions.Notify | actions.Tag) for spec in self.then)


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that matched, or that could not tell (`match` is None then)."""

    rule: Rule
    hit: Hit
    match: Match | None

    def then(self, kind: type[S]) -> Iterable[S]:
        """Its actions of this kind; none of a rule that could not tell."""
        return (spec for spec in self.rule.then if isinstance(spec, kind)) if self.match is not None else ()


_STRICTNESS = {actions.Reject: Action.REJECT, actions.Hold: Action.HOLD, Delay: Action.DELAY}


@dataclass(frozen=True)
class RuleSet:
    """All rules of a run, by file name and then position; `hash` names this policy in every decision."""

    rules: tuple[Rule, ...] = ()
    hash: str = ""
    warnings: tuple[Problem, ...] = ()
    groups: frozenset[str] = frozenset()  # that rules name
    documents: tuple[Document, ...] = field(default=(), repr=False, compare=False)  # to bind them to other people
    sketches: bool = False  # a rule asks for the texts of earlier mails: only then anything of a text is remembered
