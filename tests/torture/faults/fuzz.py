"""Fuzzing: whatever bytes come, from a client, in a mail, in a file, in a form; and random lives of the queue.

The first run of each gives what was kept of earlier finds, and some hundred inputs by chance. Every further one lets
coverage lead the way for some seconds (libFuzzer, by atheris), where atheris is installed; else it is chance again.
"""

import asyncio
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mailguard.store.base import Store
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import FakeClock
from tests.fuzz import targets
from tests.fuzz.target import TARGETS, Target
from tests.fuzz.test_model_queue import live
from tests.torture.fault import Trial, Work, fault

ROOT = Path(__file__).parents[3]
SECONDS = 20  # that coverage leads in one run
FULL = 3  # runs of a subject: `make fuzz` is for more
CHANCES = 150  # inputs, in a run without coverage

targets.load()


def _subject(one: Target) -> Work:
    """The fault that fuzzes one subject."""

    async def work(trial: Trial) -> None:
        if trial.number and importlib.util.find_spec("atheris") is not None:
            trial.note = await _led(one, trial)
            return
        trial.note = "by chance only: atheris is not installed" if trial.number else ""
        await asyncio.to_thread(_by_chance, one, trial)

    return work


def _by_chance(one: Target, trial: Trial) -> None:
    for path in one.kept():
        one.check(path.read_bytes())
    end = time.monotonic() + (SECONDS if trial.number else 0)
    while True:
        for data in one.by_chance(trial.dice, CHANCES):
            one.check(data)
        if time.monotonic() >= end:
            return


async def _led(one: Target, trial: Trial) -> str:
    """A process of its own, because libFuzzer ends the one it runs in; how many inputs it gave."""
    asked = ["--seconds", str(SECONDS), "--seed", str(trial.dice.randrange(1, 1 << 31)), "--found", str(trial.folder)]
    command = [sys.executable, "-m", "tests.fuzz", one.name, *asked]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = said.decode(errors="replace")
    assert process.returncode == 0, f"python -m tests.fuzz {one.name}:\n{text[-3000:]}"
    given = next((line.split()[-1] for line in text.splitlines() if "number_of_executed_units" in line), "?")
    return f"{given} inputs a run"


for _name, _one in TARGETS.items():
    fault(f"any bytes: {_name}", _one.promise, short=1, full=FULL, seconds=SECONDS + 100)(_subject(_one))


def _sqlite(folder: Path, clock: FakeClock) -> Callable[[], Store]:
    return lambda: SqliteStore(folder / "mail.db", clock=clock)


@fault(
    "a queue's random life, against a model of it",
    "every state, hold and instant is what the model says; nothing is lost, nothing final is left",
    short=1,
    full=10,
    seconds=600,
)
async def queue(trial: Trial) -> None:
    lives: Callable[[], None] = lambda: live(  # noqa: E731
        _sqlite, lives=10 if trial.number == 0 else 60, number=trial.dice.randrange(1 << 30)
    )
    await asyncio.to_thread(lives)
