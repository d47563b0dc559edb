"""How long one rule may take: the processor's time for it, and the wait for what it asks for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from mailguard.errors import CannotTell
from mailguard.locale import saying
from mailguard.records import Need

SAID = {  # what is fetched, in words
    Need.PAST: saying("what the sender wrote before"),
    Need.FAMILIAR: saying("whom the sender writes to"),
    Need.REACH: saying("which domains take mail"),
    Need.THREAD: saying("the conversation"),
    Need.HEARD: saying("what other mails said"),
    Need.WAITING: saying("which mails wait"),
    Need.CONTENTS: saying("what the files hold"),
    Need.SENT_FILES: saying("whom files were sent to before"),
}


class OverBudget(CannotTell):
    """A rule took longer than it may: too slow a rule, or too slow a fact."""


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Two meters in seconds: what passes on the wall is cheap to ask, and never less than what the processor spent.

    `most` is for rules without a budget of their own.
    """

    passed: Callable[[], float] = lambda: 0.0
    spent: Callable[[], float] = lambda: 0.0
    most: float = inf


@dataclass
class Budget:
    """What the rule that is being asked has left; begun anew for each. Seconds."""

    patience: float = inf  # for a fact to be fetched: only a rule's own budget limits that
    wanted: dict[Need, float] = field(default_factory=dict)  # what was asked for, and the longest patience for it
    wants: int = 0  # how often anything was
    _meter: Callable[[], float] = lambda: 0.0
    _ends: float = inf

    def begin(self, seconds: float | None, most: float, meter: Callable[[], float]) -> None:
        """For a rule that has this budget (None: `most`), by this meter."""
        self.patience = inf if seconds is None else seconds
        self._meter = meter
        self._ends = meter() + (most if seconds is None else seconds)

    @property
    def over(self) -> bool:
        return self._meter() > self._ends

    def want(self, need: Need, late: float | None) -> None:
        """Note it. OverBudget where it was not there after so many seconds (`late`), and the rule waits no longer."""
        self.wants += 1
        self.wanted[need] = max(self.wanted.get(need, 0.0), self.patience)
        if late is not None and self.patience <= late:
            seconds = f"{self.patience:g}"
            raise OverBudget("{what}: not known within {seconds} s", what=SAID[need], seconds=seconds)
