"""A rule's conditions as a tree, each with what it says of a mail: for `explain`."""

from dataclasses import dataclass
from enum import StrEnum

from mailguard.errors import CannotTell
from mailguard.locale import Saying
from mailguard.locale.sayings import told
from mailguard.records import Match
from mailguard.rules import logic
from mailguard.rules.facts import Facts
from mailguard.rules.logic import Answer, Node, Unsure

_UNKNOWN = "not known: "  # how `not_known` begins, and the conditions of other packages


class Answered(StrEnum):
    """What a part of a rule says. `NOT_KNOWN` counts as false; `CANNOT_TELL` is for the rule's on_error."""

    TRUE = "true"
    FALSE = "false"
    NOT_KNOWN = "not known"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Branch:
    """A condition with its sentence, or all / any / not with its parts (`said` is empty then)."""

    name: str
    answered: Answered
    said: str = ""
    parts: tuple["Branch", ...] = ()


def grown(node: Node, facts: Facts) -> Branch:
    """The tree of this part, every condition asked: also those that the verdict could do without."""
    answer = node.ask(facts)
    if isinstance(node, logic.Leaf):
        return _leaf(node, answer, facts)
    if isinstance(node, logic.Not):
        return Branch("not", _answered(answer), "", (grown(node.part, facts),))
    if isinstance(node, logic.Several):
        name = "all" if isinstance(node, logic.All) else "any"
        return Branch(name, _answered(answer), "", tuple(grown(part, facts) for part in node.parts))
    raise TypeError(f"{type(node).__name__} is no part of a rule")


def _leaf(node: logic.Leaf, answer: Answer, facts: Facts) -> Branch:
    name = node.condition.called
    if isinstance(answer, Match):
        return Branch(name, Answered.TRUE, answer.reason)
    if isinstance(answer, Unsure):
        error = answer.error
        return Branch(name, Answered.CANNOT_TELL, told(error) if isinstance(error, CannotTell) else answer.said)
    said = node.miss(facts)
    if said.startswith(_UNKNOWN):
        why = said.values.get("why", "") if isinstance(said, Saying) else said.removeprefix(_UNKNOWN)
        return Branch(name, Answered.NOT_KNOWN, str(why) if isinstance(why, int) else why)
    return Branch(name, Answered.FALSE, said)


def _answered(answer: Answer) -> Answered:
    if isinstance(answer, Unsure):
        return Answered.CANNOT_TELL
    return Answered.TRUE if isinstance(answer, Match) else Answered.FALSE
