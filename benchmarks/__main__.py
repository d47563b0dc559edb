"""`python -m benchmarks`: the runs, interleaved, each relay first as often as the other."""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

from rich.console import Console

from benchmarks import connections, due, growth, growth_shared, latency, letters, moving, processes, rules
from benchmarks import console as pages
from benchmarks.files import measure
from benchmarks.latency import Waits
from benchmarks.measures import MB, Memory, Run, Stall, idle_stall, memory, speed, stall
from benchmarks.relays import ROOT, Mailguard, Postfix, Relay
from benchmarks.report import Report, shown
from benchmarks.sink import BenchError, Load, Sink, program

# so many mails a run, full and quick
LARGE = 5 * MB
MAILS = {4096: (2000, 400), 102400: (600, 120), LARGE: (60, 20)}
TIMEOUT = 90.0
# what --only asks for with a store and relays of its own: shows what it found, and returns what it missed
ALONE: Mapping[str, Callable[..., list[str]]] = {
    "console": pages.main, "growth": growth.main, "growth-shared": growth_shared.main, "due": due.main,
    "connections": connections.main, "moving": moving.main,
}  # fmt: skip

console = Console(stderr=True, highlight=False)


def main() -> int:
    given = arguments()
    if given.only in ALONE:
        missed = ALONE[given.only](Console(width=None if sys.stdout.isatty() else 130), quick=given.quick)
        return 1 if given.strict and missed else 0
    if given.only == "rules":
        _, missed = rules.main(Console(width=None if sys.stdout.isatty() else 130))
        return 1 if given.strict and missed else 0
    # ended from outside: both relays and the sink still have to go
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    folder = Path(tempfile.mkdtemp(prefix="mailguard-bench-", dir=given.folder))
    # Postfix's own users have to reach their queue
    folder.chmod(0o755)
    try:
        report = bench(folder, given)
    except (BenchError, TimeoutError, subprocess.TimeoutExpired) as error:
        console.print(f"make bench: {error}", style="red", markup=False)
        return 1
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    screen = Console(width=None if sys.stdout.isatty() else 130)
    report.show(screen)
    paces, missed = rules.main(screen) if given.only is None and not given.peer_only else ([], [])
    if given.only is None and not given.peer_only:
        missed += pages.main(screen, quick=given.quick)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(report.asdict() | {"rules": rules.asdicts(paces)}, indent=1) + "\n", "utf-8")
    console.print(f"every run: {given.json}", markup=False)
    return 1 if given.strict and (report.missed() or missed) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="mailguard beside Postfix")
    parser.add_argument("--quick", action="store_true", help="two short pairs of each kind: a first impression")
    parser.add_argument("--pairs", type=int, help="pairs of runs of each kind (default 5, quick 2)")
    parser.add_argument("--size", type=int, action="append", choices=sorted(MAILS), help="only this size, in bytes")
    kinds = ["speed", "latency", "stall", "memory", "files", "rules", *ALONE]
    parser.add_argument("--only", choices=kinds, help="only this kind of measure")
    parser.add_argument("--plain", action="store_true", help="smtp-source's own mails: one text of the letter X")
    parser.add_argument("--peer-only", action="store_true", help="Postfix against itself: what the harness is worth")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--json", type=Path, default=ROOT / "out" / "bench.json", help="where every run is written")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="a folder on the disk to be measured")
    parser.add_argument("--keep", action="store_true", help="leave queues and logs where they are")
    return parser.parse_args()


def bench(folder: Path, given: argparse.Namespace) -> Report:
    with running(folder, given.peer_only) as (sink, ours, peer):
        console.print(f"{ours.name} and {peer.name} are up in {folder}", markup=False)
        for relay in (ours, peer):
            speed(relay, sink, Load(4096, 50), TIMEOUT)
        mails = {size: None if given.plain else letters.write(folder, size) for size in MAILS}
        runs = list(speeds(ours, peer, sink, mails, given)) if given.only in {None, "speed"} else []
        waits: list[Waits] = []
        if given.only in {None, "latency"} and isinstance(ours, Mailguard):
            pairs = given.pairs or (2 if given.quick else 5)
            mail = letters.write(folder, 4096)
            waits = latency.measure(ours, peer, sink, mail, pairs=pairs, mails=20 if given.quick else 100)
        large = Load(LARGE, 10 if given.quick else 40, sessions=1, reuse=True, file=mails[LARGE])
        stalls = list(blocked(ours, peer, sink, large)) if given.only in {None, "stall"} else []
    used = [] if given.peer_only or given.only not in {None, "memory"} else fresh_memory(folder, mails[LARGE])
    read = measure() if not given.peer_only and given.only in {None, "files"} else []
    note = {"NOT mailguard": "Postfix compared with itself"} if given.peer_only else {}
    return Report(note | machine(folder), runs, stalls, used, read, waits)


@contextlib.contextmanager
def running(folder: Path, peer_only: bool) -> Iterator[tuple[Sink, Relay, Postfix]]:
    """The sink and both relays; they are stopped in any case, in the order of the mail."""
    with contextlib.ExitStack() as stack:
        sink = Sink(folder)
        stack.callback(sink.stop)
        peer = Postfix(folder / "postfix", sink.port)
        stack.callback(peer.stop)
        ours: Relay
        if peer_only:
            ours = Postfix(folder / "other", sink.port)
            ours.name = "mailguard"
        else:
            ours = Mailguard(folder / "mailguard", sink.port)
        stack.callback(ours.stop)
        yield sink, ours, peer


def speeds(
    ours: Relay, peer: Relay, sink: Sink, mails: Mapping[int, Path | None], given: argparse.Namespace
) -> Iterator[Run]:
    pairs = given.pairs or (2 if given.quick else 5)
    for size, reuse in product(given.size or MAILS, (False, True)):
        load = Load(size, MAILS[size][given.quick], reuse=reuse, file=mails[size])
        for pair in range(pairs):
            first_and_second = (ours, peer) if pair % 2 == 0 else (peer, ours)
            done = {relay.name: speed(relay, sink, load, TIMEOUT) for relay in first_and_second}
            ratio = done["postfix"].seconds / done["mailguard"].seconds
            kind = "reused sessions" if reuse else "a session each"
            console.print(f"{load.mails} × {shown(size)}, {kind}, pair {pair + 1} of {pairs}: {ratio:.2f}")
            yield done["mailguard"]
            yield done["postfix"]


def blocked(ours: Relay, peer: Relay, sink: Sink, large: Load) -> Iterator[Stall]:
    for relay in (ours, peer):
        idle = idle_stall(relay, 2)
        yield Stall(f"{relay.name}, idle", idle.probes, idle.median, idle.p99, idle.worst)
        yield stall(relay, sink, large, TIMEOUT)


def fresh_memory(folder: Path, mail: Path | None) -> list[Memory]:
    """A new process, so that what earlier mails left behind does not count as idle."""
    with contextlib.ExitStack() as stack:
        sink = Sink(folder)
        stack.callback(sink.stop)
        relay = Mailguard(folder / "memory", sink.port)
        stack.callback(relay.stop)
        speed(relay, sink, Load(4096, 100), TIMEOUT)
        idle = processes.resident(relay.pid, "VmRSS")
        loads = [Load(LARGE, mails, sessions=mails, file=mail) for mails in (1, 10)]
        return [memory(relay, sink, load, idle, TIMEOUT) for load in loads]


def machine(folder: Path) -> dict[str, str]:
    version = subprocess.run(
        [program("postconf"), "-d", "-h", "mail_version"], capture_output=True, text=True, check=True
    )
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=True)
    return {
        "cores": str(os.cpu_count()),
        "kernel": platform.release().split("-")[0],
        "file system": kind.stdout.strip(),
        "Python": platform.python_version(),
        "Postfix": version.stdout.strip(),
    }


if __name__ == "__main__":
    sys.exit(main())
