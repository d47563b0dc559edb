"""One rule as it lives in the engine, and all of them together."""

from dataclasses import dataclass
from enum import StrEnum

from mailguard.document.problem import Problem
from mailguard.records import Action, Hit, Match, Mode
from mailguard.rules import actions
from mailguard.rules.actions import ActionSpec
from mailguard.rules.logic import Node


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
    explain: str = ""
    severity: str = "normal"
    mode: Mode = Mode.ENFORCE
    stop: bool = False
    on_error: OnError = OnError.HOLD
    path: str = ""
    line: int = 0

    @property
    def action(self) -> Action:
        """The strictest of its actions."""
        return max((_STRICTNESS.get(type(spec), Action.PASS) for spec in self.then), default=Action.PASS)

    @property
    def skippable(self) -> bool:
        """Whether `stop` skips it: it neither holds, rejects nor adds a copy, so no order weakens a policy."""
        return not any(isinstance(spec, actions.Hold | actions.Reject | actions.Copy) for spec in self.then)


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that matched, or that could not tell (`match` is None then)."""

    rule: Rule
    hit: Hit
    match: Match | None


_STRICTNESS = {actions.Reject: Action.REJECT, actions.Hold: Action.HOLD, actions.Delay: Action.DELAY}


@dataclass(frozen=True)
class RuleSet:
    """All rules of a run, by file name and then position; `hash` names this policy in every decision."""

    rules: tuple[Rule, ...] = ()
    hash: str = ""
    warnings: tuple[Problem, ...] = ()
