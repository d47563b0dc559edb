"""all / any / not over conditions, with three values: true (Match), false (No), cannot tell (Unsure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from mailguard.errors import CannotTell
from mailguard.records import Match
from mailguard.rules.condition import Condition
from mailguard.rules.facts import Facts


@dataclass(frozen=True, slots=True)
class No:
    """False, and the node that decided it: its sentence is made only when somebody asks."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class Unsure:
    """A condition could not tell, or crashed. `said` may be shown; what a crash says never is."""

    said: str
    error: Exception


Answer = Match | No | Unsure


class Node:
    """A part of a `when`. `cost` as of conditions."""

    cost: int = 1

    def ask(self, facts: Facts) -> Answer:
        """The answer for this mail; never raises."""
        raise NotImplementedError

    def miss(self, facts: Facts) -> str:
        """Why it is false, for `explain`."""
        raise NotImplementedError

    def leaves(self) -> Sequence[Condition]:
        """The conditions in here whose recipients count: not those under `not`."""
        raise NotImplementedError


class Leaf(Node):
    """One condition."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self.cost = condition.cost
        self._no = No(self)

    def ask(self, facts: Facts) -> Answer:
        try:
            return self.condition.match(facts) or self._no
        except CannotTell as error:
            return Unsure(f"{self.condition.called} could not tell: {error}", error)
        except Exception as error:
            return Unsure(f"{self.condition.called} failed with {type(error).__name__}", error)

    def miss(self, facts: Facts) -> str:
        return self.condition.miss(facts)

    def leaves(self) -> Sequence[Condition]:
        return (self.condition,)


class _Several(Node):
    def __init__(self, parts: Sequence[Node]) -> None:
        self.parts = tuple(parts)
        self.cost = max(part.cost for part in parts)
        self._cheap_first = sorted(enumerate(parts), key=lambda part: part[1].cost)

    def leaves(self) -> Sequence[Condition]:
        return tuple(chain.from_iterable(part.leaves() for part in self.parts))


class All(_Several):
    """True when every part is; one false part decides, whatever the others cannot tell."""

    def ask(self, facts: Facts) -> Answer:
        found: dict[int, Match] = {}
        unsure: Unsure | None = None
        for place, part in self._cheap_first:
            answer = part.ask(facts)
            if isinstance(answer, No):
                return answer
            if isinstance(answer, Unsure):
                unsure = unsure or answer
            else:
                found[place] = answer
        return unsure or united([found[place] for place in sorted(found)])

    def miss(self, facts: Facts) -> str:
        answer = self.ask(facts)
        return answer.node.miss(facts) if isinstance(answer, No) else ""


class Any(_Several):
    """True when one part is; all true parts are heard, because they name the recipients."""

    def ask(self, facts: Facts) -> Answer:
        answers = [part.ask(facts) for part in self.parts]
        found = [answer for answer in answers if isinstance(answer, Match)]
        if found:
            return united(found)
        return next((answer for answer in answers if isinstance(answer, Unsure)), No(self))

    def miss(self, facts: Facts) -> str:
        return "; ".join(part.miss(facts) for part in self.parts)


class Not(Node):
    """The opposite; what cannot be told stays so."""

    def __init__(self, part: Node, said: str = "not so") -> None:
        self.part = part
        self.cost = part.cost
        self._said = said

    def ask(self, facts: Facts) -> Answer:
        answer = self.part.ask(facts)
        if isinstance(answer, No):
            return Match("")
        return No(self) if isinstance(answer, Match) else answer

    def miss(self, facts: Facts) -> str:
        answer = self.part.ask(facts)
        return f"{self._said}: {answer.reason}" if isinstance(answer, Match) and answer.reason else self._said

    def leaves(self) -> Sequence[Condition]:
        return ()


def united(found: Sequence[Match]) -> Match:
    """One match of several true ones: reasons joined, recipients and evidence united."""
    if len(found) == 1:
        return found[0]
    reasons = "; ".join(dict.fromkeys(match.reason for match in found if match.reason))
    recipients = frozenset().union(*(match.recipients for match in found))
    return Match(reasons, recipients, tuple(dict.fromkeys(chain.from_iterable(m.evidence for m in found))))
