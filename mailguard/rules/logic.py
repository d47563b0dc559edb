"""all / any / not over conditions, with three values: true (Match), false (No), cannot tell (Unsure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from mailguard.errors import CannotTell, NotKept
from mailguard.locale import N_
from mailguard.locale.sayings import joined, saying, told
from mailguard.records import Match
from mailguard.rules.budget import OverBudget
from mailguard.rules.condition import Condition
from mailguard.rules.facts import Facts, Sought

LATE = saying("the rule took longer than its budget")
_NOT_SO = saying("not so")
_FAILED = N_("{condition} failed with {error}")
_UNSAID = N_("{condition} does not apply (its reason failed with {error})")


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
    sought: tuple[Sought, ...] = ()  # each of these must be found, or this is false
    gate: "Leaf | None" = None  # what is asked first, and where it is false this is

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
    """One condition. `mark` is the same for what asks the same, in whichever rule, file and version of the rules."""

    def __init__(self, condition: Condition, mark: str) -> None:
        self.condition = condition
        self.mark = mark
        self.cost = condition.cost
        self.shared = False  # several rules have it
        self.gate = self
        self._no = No(self)
        self.sought = ((*condition.sought, mark),) if condition.sought else ()
        self._foreign = not type(condition).__module__.startswith("mailguard.")

    def ask(self, facts: Facts) -> Answer:
        if not self.shared:
            return self._ask(facts)
        return facts.once((self, facts.budget.patience), lambda: self._first(facts))

    def _first(self, facts: Facts) -> Answer:
        """As `_ask`, for all rules: most of a set begin alike, and most mail is not what they begin with."""
        wants = facts.budget.wants
        answer = self._ask(facts)
        if isinstance(answer, No) and facts.budget.wants == wants:  # no, however long a rule waits for facts
            facts.denied.add(self)
        return answer

    def _ask(self, facts: Facts) -> Answer:
        try:
            return self._match(facts) or self._no
        except CannotTell as error:
            return Unsure(
                saying("{condition} could not tell: {why}", condition=self.condition.called, why=told(error)), error
            )
        except Exception as error:
            return Unsure(saying(_FAILED, condition=self.condition.called, error=type(error).__name__), error)

    def _match(self, facts: Facts) -> Match | None:
        try:
            found = self.condition.match(facts)
        except NotKept:
            return facts.as_then(self.mark)
        found = _checked(found) if self._foreign else found
        facts.answers[self.mark] = found
        return found

    def miss(self, facts: Facts) -> str:
        try:
            return self.condition.miss(facts)
        except CannotTell as error:  # only told: the answer is no all the same
            return saying("{condition} does not apply ({why})", condition=self.condition.called, why=told(error))
        except Exception as error:
            return saying(_UNSAID, condition=self.condition.called, error=type(error).__name__)

    def leaves(self) -> Sequence[Condition]:
        return (self.condition,)


def _checked(found: object) -> Match | None:
    """What a condition of another package says, in the types and on the one line that all rely on. TypeError."""
    if found is None:
        return None
    if not isinstance(found, Match):
        raise TypeError(f"match gave a {type(found).__name__}")
    evidence = tuple((_plain(where), _plain(what)) for where, what in found.evidence)
    return Match(_plain(found.reason), frozenset(map(str, found.recipients)), evidence)


def _plain(text: object) -> str:
    """It goes into logs, replies and terminals: no line ends, no escapes."""
    return "".join(c if c.isprintable() else "�" for c in str(text))


class Several(Node):
    """What `All` and `Any` share."""

    def __init__(self, parts: Sequence[Node]) -> None:
        self.parts = tuple(parts)
        self.cost = max(part.cost for part in parts)
        self._cheap_first = sorted(enumerate(parts), key=lambda part: part[1].cost)

    def leaves(self) -> Sequence[Condition]:
        return tuple(chain.from_iterable(part.leaves() for part in self.parts))


class All(Several):
    """True when every part is; one false part decides, whatever the others cannot tell."""

    def __init__(self, parts: Sequence[Node]) -> None:
        super().__init__(parts)
        self.sought = tuple(chain.from_iterable(part.sought for part in parts))
        self.gate = self._cheap_first[0][1].gate

    def ask(self, facts: Facts) -> Answer:
        found: dict[int, Match] = {}
        unsure: Unsure | None = None
        for place, part in self._cheap_first:
            if found and facts.budget.over:
                return Unsure(LATE, OverBudget(LATE))
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


class Any(Several):
    """True when one part is; all true parts are heard, because they name the recipients."""

    def ask(self, facts: Facts) -> Answer:
        answers = [part.ask(facts) for part in self.parts]
        found = [answer for answer in answers if isinstance(answer, Match)]
        if found:
            return united(found)
        return next((answer for answer in answers if isinstance(answer, Unsure)), No(self))

    def miss(self, facts: Facts) -> str:
        return joined("; ", (part.miss(facts) for part in self.parts))


class Not(Node):
    """The opposite; what cannot be told stays so."""

    def __init__(self, part: Node) -> None:
        self.part = part
        self.cost = part.cost

    def ask(self, facts: Facts) -> Answer:
        answer = self.part.ask(facts)
        if isinstance(answer, No):
            return Match("")
        return No(self) if isinstance(answer, Match) else answer

    def miss(self, facts: Facts) -> str:
        answer = self.part.ask(facts)
        return joined(": ", (_NOT_SO, answer.reason)) if isinstance(answer, Match) and answer.reason else _NOT_SO

    def leaves(self) -> Sequence[Condition]:
        return ()


def united(found: Sequence[Match]) -> Match:
    """One match of several true ones: reasons joined, recipients and evidence united."""
    if len(found) == 1:
        return found[0]
    reasons = joined("; ", dict.fromkeys(match.reason for match in found if match.reason))
    recipients = frozenset().union(*(match.recipients for match in found))
    return Match(reasons, recipients, tuple(dict.fromkeys(chain.from_iterable(m.evidence for m in found))))
