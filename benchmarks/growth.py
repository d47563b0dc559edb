"""What the store's work costs with more and more mails waiting in it: time by the clock, and the CPU's.

Beside each figure stands the same with the fewest mails, measured in the same run: on a busy machine that ratio, and
the CPU time, say more than the clock. `python -m benchmarks.growth`, or `make bench BENCH="--only growth"`.
"""

import argparse
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import plots, processes, waiting
from benchmarks.figures import keep
from benchmarks.relays import ROOT, Mailguard
from mailguard.records import State
from mailguard.store.base import Filter
from mailguard.store.retention import Retention
from mailguard.store.sqlite import connection
from mailguard.store.sqlite.connection import Connection
from mailguard.store.sqlite.store import MERGED
from mailguard.store.verbs import chain, claims, looking, mails, purge

SIZES = (1_000, 10_000, 100_000, 1_000_000)
TIMES, TOGETHER, LOOKS, ENDED = 200, 4, 15, 150
KEEP = Retention(timedelta(days=7), timedelta(days=400), timedelta(days=90))
# what the product asks of a million: seconds, bytes, or times the figure of an almost empty queue
TARGETS = {
    "start": 5.0,
    "memory": 250e6,
    "claim": 0.010,
    "intake": 1.25,
    "queue list": 0.100,
    "held": 0.100,
    "approvals": 0.100,
    "health": 0.100,
    "purge": 0.050,
}
FEWEST = "intake"  # the one that is a ratio


@dataclass(frozen=True, slots=True)
class Figure:
    """One of TARGETS at one size: by the clock (or in bytes), and the CPU's seconds (of bytes: none)."""

    what: str
    mails: int
    clock: float
    cpu: float


Work = Callable[[], object]


def main(screen: Console, *, quick: bool = False, store: Path | None = None, out: Path = ROOT / "out") -> list[str]:
    """Measured, shown, and what was missed. `store`: a folder that `waiting.fill` has filled already."""
    sizes = SIZES[:2] if quick else SIZES
    folder = Path(tempfile.mkdtemp(prefix="mailguard-bench-", dir="/var/tmp"))
    begin = datetime.now(UTC) - max(sizes) * waiting.STEP
    try:
        files = waiting.fill(folder, sizes, begin) if store is None else _filled(store, sizes)
        figures = [figure for size in sizes for figure in measured(folder, files[size], size)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keep(out / "growth.json", figures)
    draw(out / "growth.svg", figures, sizes)
    show(screen, figures, sizes)
    return missed(figures)


def _filled(store: Path, sizes: Sequence[int]) -> dict[int, Path]:
    return {size: store / f"waiting-{size}.db" for size in sizes}


def measured(folder: Path, file: Path, size: int) -> Iterator[Figure]:
    began = time.monotonic()
    relay = Mailguard(folder / f"service-{size}", 9, file)
    try:
        ready = time.monotonic() - began
        yield Figure("start", size, ready, processes.tree_cpu(relay.pid))
        yield Figure("memory", size, processes.resident(relay.pid, "VmRSS") * 1.0, 0.0)
    finally:
        relay.stop()
    own = folder / "own.db"
    shutil.copyfile(file, own)
    db = connection.connect_writer(own)
    try:
        for what, (clock, cpu) in _of_the_store(db, size):
            yield Figure(what, size, clock, cpu)
    finally:
        db.close()
        for path in folder.glob("own.db*"):
            path.unlink()


def _of_the_store(db: Connection, size: int) -> Iterator[tuple[str, tuple[float, float]]]:
    now = datetime.now(UTC)
    looks = {
        "queue list": lambda: looking.find(db, Filter(waiting=True, limit=50)),
        "held": lambda: looking.find(db, Filter(state=State.HELD, limit=50)),
        "approvals": lambda: looking.find(db, Filter(approver=waiting.APPROVER, limit=50)),
        "health": lambda: looking.counts(db, now),
    }
    for what, look in looks.items():
        yield what, share(list(_timed([look] * LOOKS)), 0.5)
    put = [lambda n=n: _put(db, 10 * size + n, now) for n in range(TIMES)]
    yield "intake", share(list(_timed(put)), 0.5)
    late = now + 2 * waiting.WAITS
    while _in_one(db, lambda: chain.seal(db, now)):  # of what was filled: in life that is done every five minutes
        pass
    yield "purge", share(list(_purged(db, late)), 1.0)
    take = [lambda: _in_one(db, lambda: _claim(db, late))] * TIMES
    yield "claim", share(list(_timed(take)), 0.99)


def _timed(works: Sequence[Work]) -> Iterator[tuple[float, float]]:
    for work in works:
        clock, cpu = time.perf_counter(), time.process_time()
        work()
        yield time.perf_counter() - clock, time.process_time() - cpu


def share(times: Sequence[tuple[float, float]], part: float) -> tuple[float, float]:
    """This part of them was quicker; clock and CPU each by itself."""
    place = min(len(times) - 1, math.floor(part * len(times)))
    return sorted(clock for clock, _ in times)[place], sorted(cpu for _, cpu in times)[place]


def _in_one(db: Connection, work: Work) -> object:
    with connection.transaction(db):
        return work()


def _put(db: Connection, number: int, now: datetime) -> None:
    _in_one(db, lambda: mails.put(db, waiting.mail(number, now), now))


def _claim(db: Connection, now: datetime) -> object:
    return claims.claim(db, "growth", now, timedelta(minutes=30), TOGETHER, TOGETHER, {})


def _purged(db: Connection, now: datetime) -> Iterator[tuple[float, float]]:
    """Each transaction of forgetting ENDED mails: first their bytes, then all of them, then the words of them."""
    ended = int(now.timestamp() * 1e6)
    with connection.transaction(db):
        db.execute(
            "UPDATE delivery SET state = 'sent', due_at = NULL, ended_at = ? WHERE id IN"
            " (SELECT id FROM delivery WHERE state = 'queued' ORDER BY id LIMIT ?)",
            (ended, ENDED),
        )
    kinds: Sequence[Callable[[datetime], object]] = (
        lambda at: purge.bodies(db, purge.old_bodies(db, at, KEEP), at) == purge.BATCH,
        lambda at: chain.seal(db, at),
        lambda at: purge.decisions(db, at, KEEP) == purge.BATCH,
        lambda at: purge.facts(db, at, KEEP),
    )
    for days in (8, 401):
        at = now + timedelta(days=days)
        for kind in kinds:
            more: object = True
            while more:
                clock, cpu = time.perf_counter(), time.process_time()
                more = _in_one(db, partial(kind, at))
                yield time.perf_counter() - clock, time.process_time() - cpu
        old = purge.old_threads(db, at, KEEP)  # a reader does that, and nobody waits for it
        yield from _timed([partial(_in_one, db, partial(purge.threads, db, old, at, KEEP))])
    for _ in range(LOOKS):
        yield from _timed([lambda: _in_one(db, lambda: db.run("forget_words", (MERGED,)))])


def missed(figures: Sequence[Figure]) -> list[str]:
    return [f"{one.what} at {one.mails:,}" for one in figures if _of_target(one, figures) > 1]


def _first(figures: Sequence[Figure], what: str) -> Figure:
    return next(one for one in figures if one.what == what)


def _of_target(one: Figure, figures: Sequence[Figure]) -> float:
    """Share of what is allowed, by the clock; where a ratio is asked for, of the CPU time."""
    if one.what == FEWEST:
        return one.cpu / _first(figures, one.what).cpu / TARGETS[one.what]
    return one.clock / TARGETS[one.what]


def show(
    screen: Console, figures: Sequence[Figure], sizes: Sequence[int], works: Sequence[str] = tuple(TARGETS)
) -> None:
    table = Table("", *(f"{size:,}" for size in sizes), "target", title="mails waiting")
    for what in works:
        target = TARGETS[what]
        row = [_cell(one, _first(figures, what)) for one in figures if one.what == what]
        table.add_row(what, *row, f"≤ {target:g} ×" if what == FEWEST else f"≤ {_shown(what, target)}")
    screen.print(table)
    screen.print(
        "By the clock (the CPU's time; × that of the fewest mails). Of claims the 99th of 100, of purge the worst."
    )


def _cell(one: Figure, fewest: Figure) -> str:
    if one.what == "memory":
        return f"{_shown(one.what, one.clock)} ({one.clock / fewest.clock:.2f} ×)"
    return f"{_shown(one.what, one.clock)} ({_shown(one.what, one.cpu)}; {one.cpu / max(fewest.cpu, 1e-6):.1f} ×)"


def _shown(what: str, value: float) -> str:
    if what == "memory":
        return f"{value / 1e6:.0f} MB"
    return f"{value:.1f} s" if what == "start" else f"{value * 1000:.1f} ms"


def draw(file: Path, figures: Sequence[Figure], sizes: Sequence[int]) -> None:
    """Each as a share of its target, which is at the top; what is beyond it is drawn there."""
    chosen = ("start", "memory", "claim", "purge")
    lines = {
        what: [(one.mails, min(1.0, _of_target(one, figures))) for one in figures if one.what == what]
        for what in chosen
    }
    plots.plot(
        file, "Cost against size", "mails waiting", "share of what is allowed", lines,
        ticks=sizes, scale=math.log10, label=lambda size: f"{size:,.0f}",
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 10,000 mails only")
    parser.add_argument("--store", type=Path, help="a folder with the files waiting-SIZE.db, made before")
    given = parser.parse_args()
    sys.exit(1 if main(Console(width=130), quick=given.quick, store=given.store) else 0)
