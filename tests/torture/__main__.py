"""`make torture`: every fault, many runs, and the table of what was lost (nothing) and duplicated (only at the dot).

python -m tests.torture [--minutes N] [--seed N] [--only RE] [--jobs N] [--write]
"""

import argparse
import heapq
import itertools
import json
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests import tools
from tests.torture import faults
from tests.torture.fault import FAULTS, Fault
from tests.torture.report import Result, Row, rows, show, write
from tests.torture.workers import AT_A_TIME, ROOT, one_run, workers

DOCUMENT = ROOT / "docs" / "reliability.md"
SEED = 20261126
Item = tuple[float, str, int]  # which share of its runs it is, the fault's id, the run's number

console = Console(stderr=True, highlight=False)


def main() -> int:
    given = _arguments()
    faults.load()
    chosen = [one for one in FAULTS if re.search(given.only, one.id)]
    able = [one for one in chosen if all(tools.find(program) for program in one.needs)]
    if given.list:
        print("\n".join(f"{one.id} ({one.full} runs): {one.promise}" for one in chosen))
        return 0
    if not able:
        console.print("make torture: no fault fits, or what it needs is missing (tests/install-tools)", style="red")
        return 2
    for one in chosen:
        if one not in able:
            console.print(f"NOT TESTED, {' and '.join(one.needs)} missing: {one.id}", style="red", markup=False)
    started = time.monotonic()
    earlier = [Result(**one) for one in json.loads(given.again.read_text("utf-8"))] if given.again else []
    failed = [(0.0, one.fault, one.number) for one in earlier if one.error]
    results = [one for one in earlier if not one.error]
    if given.again:  # and what there was not yet then
        ran = {one.fault for one in earlier}
        failed += _items([one for one in able if one.id not in ran], given)
    results += _run(
        iter(failed) if given.again else _items(able, given), len(failed) or _todo(able, given), given, started
    )
    found = rows(able, sorted(results, key=lambda result: (result.fault, result.number)))
    show(found, Console(width=None if sys.stdout.isatty() else 160, highlight=False))
    _keep(given.json, found)
    if given.write:
        spent = sum(result.seconds for result in results) / 3600
        mended = f" what failed in {sum(bool(one.error) for one in earlier)} of them was mended, and run again;"
        how = f"`make torture` with seed {given.seed}, {spent:.1f} hours of runs;{mended if earlier else ''}"
        write(DOCUMENT, found, how)
    missing = len(able) < len(chosen) and tools.required()
    return 1 if missing or any(row.failed or not row.results for row in found) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make torture", description="break things, and count what was lost")
    parser.add_argument("--minutes", type=float, help="so long at least one run of each (default: every run of each)")
    parser.add_argument("--seed", type=int, default=SEED, help="the same seed throws the same dice")
    parser.add_argument("--only", default="", metavar="RE", help="faults whose name fits this pattern")
    parser.add_argument("--run", type=int, help="only the run with this number: to repeat one that failed")
    parser.add_argument(
        "--again", type=Path, metavar="JSON", help="what a run kept: only what failed or was missing in it"
    )
    parser.add_argument("--jobs", type=int, default=AT_A_TIME, help="how many at a time")
    parser.add_argument("--list", action="store_true", help="name the faults")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.relative_to(ROOT)}")
    parser.add_argument("--json", type=Path, default=ROOT / "out" / "torture.json", help="where every run is kept")
    return parser.parse_args()


def _items(able: list[Fault], given: argparse.Namespace) -> Iterator[Item]:
    """First one run of each, then on evenly; without --minutes until each has all of its runs, with it for ever."""
    if given.run is not None:
        return iter((0.0, one.id, given.run) for one in able)

    def of(one: Fault) -> Iterator[Item]:
        for number in itertools.count() if given.minutes else range(one.full):
            yield number / one.full, one.id, number

    return heapq.merge(*map(of, able))


def _todo(able: list[Fault], given: argparse.Namespace) -> int:
    return 1 if given.run is not None else sum(one.full for one in able)


def _run(items: Iterator[Item], todo: int, given: argparse.Namespace, started: float) -> list[Result]:
    """Everything, in processes of their own: one that hangs or dies takes nothing else with it."""
    results: list[Result] = []
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"), console=console, disable=not console.is_terminal,
    )  # fmt: skip
    with bar, workers(given.jobs) as pool:
        task = bar.add_task("torture", total=None if given.minutes else todo, said="")
        running: dict[Future[Result], Item] = {}
        first, told = {one.id for one in FAULTS}, started
        while True:
            late = bool(given.minutes) and time.monotonic() - started > given.minutes * 60
            while len(running) < given.jobs and (item := next(items, None)) is not None:
                if late and item[1] not in first:
                    items = iter(())
                    break
                first.discard(item[1])
                running[pool.submit(one_run, item[1], item[2], given.seed)] = item
            if not running:
                return results
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                results.append(_result(future, running.pop(future)))
                if results[-1].error:
                    one = results[-1]
                    console.print(f"FAILED {one.fault}, run {one.number}: {one.error}", style="red", markup=False)
            said = _so_far(results)
            bar.update(task, completed=len(results), said=said)
            if not console.is_terminal and time.monotonic() - told > 30:
                told = time.monotonic()
                console.print(f"{(told - started) / 60:.1f} min: {len(results)} of {todo} runs, {said}")


def _result(future: "Future[Result]", item: Item) -> Result:
    try:
        return future.result()
    except BrokenProcessPool:
        raise
    except Exception as error:
        return Result(item[1], item[2], error=f"{type(error).__name__}: {error}")


def _so_far(results: list[Result]) -> str:
    kills, lost = sum(r.kills for r in results), sum(r.lost for r in results)
    failed = sum(bool(r.error) for r in results)
    return f"{kills} kills, {lost} lost, {failed} failed"


def _keep(path: Path, found: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(result) for row in found for result in row.results], indent=1) + "\n", "utf-8")
    console.print(f"every run: {path}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
