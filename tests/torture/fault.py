"""A fault: something broken on purpose, the promise that must hold, and one run of it.

    @fault("a client gone before its answer, six times", "exactly one mail arrives", short=1, full=20)
    async def gone(trial: Trial) -> None:
        ...
        trial.accepted += 1
        trial.lost += len(acknowledged - arrived)
        assert whatever must hold besides

A run fails by raising, by losing a mail, or by duplicating one where that is not allowed.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Trial:
    """One run: what it may use, and what it counts."""

    folder: Path  # empty, its own
    dice: random.Random  # made from the seed, the fault's name and the run's number
    number: int  # of the run, from 0
    accepted: int = 0  # mails that were answered 250
    lost: int = 0  # of those, recipients that are nowhere: not sent, failed, cancelled or waiting
    duplicated: int = 0  # copies that arrived more than once
    kills: int = 0  # processes that were ended with SIGKILL
    note: str = ""  # a figure worth a word in the table, like a peak of memory


Work = Callable[[Trial], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    group: str  # the file it stands in
    name: str
    promise: str
    work: Work
    short: int  # runs in `make test`
    full: int  # runs in `make torture` without --minutes
    at_the_dot: bool  # whether a mail may arrive twice: only where an answer to the final dot was lost
    needs: tuple[str, ...]  # programs (see tests/install-tools)
    seconds: float  # one run that takes longer has failed

    @property
    def id(self) -> str:
        return f"{self.group}: {self.name}"


FAULTS: list[Fault] = []


def fault(
    name: str,
    promise: str,
    *,
    short: int = 1,
    full: int = 10,
    at_the_dot: bool = False,
    needs: tuple[str, ...] = (),
    seconds: float = 60.0,
) -> Callable[[Work], Work]:
    """Register a run under a name (of the fault) and a promise (what holds all the same)."""

    def register(work: Work) -> Work:
        group = work.__module__.rpartition(".")[2]
        FAULTS.append(Fault(group, name, promise, work, short, full, at_the_dot, needs, seconds))
        return work

    return register


def trial(one: Fault, number: int, seed: int, folder: Path) -> Trial:
    """The same seed, fault and number throw the same dice."""
    return Trial(folder, random.Random(f"{seed}/{one.id}/{number}"), number)


async def attempt(one: Fault, run: Trial) -> None:
    """One run; AssertionError when a mail was lost, or came twice where it must not."""
    await one.work(run)
    assert run.lost == 0, f"{run.lost} of {run.accepted} acknowledged mails are lost"
    assert one.at_the_dot or run.duplicated == 0, f"{run.duplicated} copies arrived twice"
