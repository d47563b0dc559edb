"""`python -m benchmarks.scaling`: how many nodes and databases so many mails a day need, by a simulation.

It is fed with what a mail costs here (measured by `nodes`), compared with measured cases that it was not fed with, and
then asked about cases that no machine here has: nodes and databases with cores of their own, mail split over databases.
"""

import argparse
import asyncio
import heapq
import itertools
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.nodes import SIZE, Case, measure

CASES = ((1, 1), (1, 16), (1, 4), (2, 8), (3, 8))  # (nodes, clients of each); the first two feed the model
DAYS = (10**6, 10**7, 10**8, 10**9)
_TRIPS = 20  # a mail to the database and back (decision 31)
_CORES = 16  # of one database's host
_PEAK = 4.0  # the busiest second of a day against its mean
_FILL = 0.6  # of a core, at the peak: above it waits grow faster than load
_BODY = 100_000.0  # bytes of a mail
_BODIES, _DECISIONS = 7, 400  # days kept, as shipped
_DAY = 86_400.0


@dataclass(frozen=True)
class Cost:
    """Seconds of one mail: of each kind of CPU, and of waiting for nobody's CPU (fsync, network, wakings)."""

    node: float
    database: float
    driver: float
    idle: float


class _Station:
    """So many servers; who comes first is served first."""

    def __init__(self, servers: int) -> None:
        self.free, self.waiting = servers, deque[Callable[[], None]]()

    def enter(self, then: Callable[[], None]) -> None:
        if self.free:
            self.free -= 1
            then()
        else:
            self.waiting.append(then)

    def leave(self) -> None:
        if self.waiting:
            self.waiting.popleft()()
        else:
            self.free += 1


class Simulation:
    """Clients that send one mail after the other to nodes of one thread each.

    `shared`: so many cores for all; None: everybody has cores of their own, the database so many as it says.
    """

    def __init__(self, cost: Cost, nodes: int, clients: int, *, shared: int | None, database: int = _CORES) -> None:
        self.cost, self.now, self.done = cost, 0.0, 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._clients = nodes * clients
        machine = _Station(shared) if shared else None
        self._database = machine or _Station(database)
        self._nodes = [(_Station(1), machine or _Station(1)) for _ in range(nodes)]
        self._driver = machine or _Station(nodes * clients)
        for number in range(nodes * clients):
            self._start(number % nodes)

    def rate(self, each: int = 12) -> float:
        """Mails a second; of the mails that every client sends, the first quarter is not counted."""
        mails, warm, began = each * self._clients, each * self._clients // 4, 0.0
        while self.done < mails:
            self.now, _, then = heapq.heappop(self._events)
            before = self.done
            then()
            if before < warm <= self.done:
                began = self.now
        return (mails - warm) / (self.now - began)

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), then))

    def _start(self, node: int) -> None:
        steps = self._mail(node)

        def go_on() -> None:
            step = next(steps, None)
            if step is None:
                self.done += 1
                self._start(node)
            else:
                step(go_on)

        self._after(0.0, go_on)

    def _mail(self, node: int) -> Iterator[Callable[[Callable[[], None]], None]]:
        thread, core = self._nodes[node]
        yield self._work([self._driver], self.cost.driver)
        for _ in range(_TRIPS):
            yield self._work([thread, core], self.cost.node / _TRIPS)
            yield self._work([self._database], self.cost.database / _TRIPS)
            yield self._work([], self.cost.idle / _TRIPS)

    def _work(self, stations: Sequence[_Station], seconds: float) -> Callable[[Callable[[], None]], None]:
        """Have all of these, one after the other, then use them for so long."""

        def work(then: Callable[[], None]) -> None:
            def enter(number: int) -> None:
                if number < len(stations):
                    stations[number].enter(lambda: enter(number + 1))
                else:
                    self._after(seconds, end)

            def end() -> None:
                for station in stations:
                    station.leave()
                then()

            enter(0)

        return work


def slowed(cost: Cost, case: Case) -> Cost:
    """As on a machine that others use too."""
    by = max(1.0, 2.0 / case.speed)
    return Cost(cost.node * by, cost.database * by, cost.driver * by, cost.idle)


def fed(one: Case, many: Case) -> Cost:
    """CPU from the busy case, where commits are shared; what a mail waits besides, from how slow one client was."""
    low, high = 0.0, 1 / one.rate
    for _ in range(20):
        idle = (low + high) / 2
        rate = Simulation(slowed(Cost(one.node, one.database, one.driver, idle), one), 1, 1, shared=2).rate()
        low, high = (idle, high) if rate > one.rate else (low, idle)
    return Cost(many.node, many.database, many.driver, low)


def compare(cases: Sequence[Case], cost: Cost) -> Table:
    table = Table(
        "nodes × clients", "mails", "CPU we got", "measured/s", "simulated/s", "simulated ÷ measured", "fed with"
    )
    for number, case in enumerate(cases):
        said = Simulation(slowed(cost, case), case.nodes, case.clients, shared=2).rate(40)
        table.add_row(
            f"{case.nodes} × {case.clients}", f"{case.mails}", f"{case.speed:.2f}", f"{case.rate:.1f}", f"{said:.1f}",
            f"{said / case.rate:.2f}", ("its waits", "its CPU")[number] if number < 2 else "",
        )  # fmt: skip
    return table


def bends(cost: Cost) -> Table:
    """Nodes with a core each, on one database of so many cores."""
    table = Table("nodes", "mails/s", "of one node", "database's CPU")
    first = 0.0
    for nodes in (1, 2, 4, 8, 16, 32):
        rate = Simulation(Cost(cost.node, cost.database, 0.0, cost.idle), nodes, 16, shared=None).rate()
        first = first or rate
        table.add_row(f"{nodes}", f"{rate:.0f}", f"{rate / first:.1f} ×", f"{rate * cost.database / _CORES:.0%}")
    return table


def extended(cost: Cost, busy: Case) -> Table:
    table = Table("mails a day", "peak/s", "nodes", "databases", "log MB/s each", "rows kept", "bodies kept")
    for day in DAYS:
        peak = day / _DAY * _PEAK
        nodes = max(2, -(-peak * cost.node // _FILL))
        databases = max(1, -(-peak * cost.database // (_CORES * _FILL)))
        log = peak * (busy.log - SIZE + _BODY) / databases / 1e6
        table.add_row(
            f"{day:,}", f"{peak:,.0f}", f"{nodes:,.0f}", f"{databases:,.0f}", f"{log:,.1f}",
            _bytes((busy.kept - SIZE) * day * _DECISIONS), _bytes(_BODY * day * _BODIES),
        )  # fmt: skip
    return table


def _bytes(number: float) -> str:
    for unit in ("GB", "TB", "PB"):
        if (number := number / 1e3 if unit != "GB" else number / 1e9) < 1000:
            return f"{number:,.1f} {unit}"
    return f"{number:,.0f} PB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=Path, help="take the measured cases from this file, instead of measuring")
    parser.add_argument("--save", type=Path, help="write the measured cases to this file")
    parser.add_argument("--mails", type=int, default=600, help="of each measured case")
    given = parser.parse_args()
    if given.inputs:
        cases = [Case(**case) for case in json.loads(given.inputs.read_text())]
    else:
        cases = asyncio.run(measure(CASES, given.mails))
    if given.save:
        given.save.write_text(json.dumps([asdict(case) for case in cases], indent=1) + "\n")
    console, busy = Console(width=130), cases[1]
    cost = fed(cases[0], busy)
    console.print(
        f"A mail of 4 KB, {busy.clients} clients: node {cost.node * 1e3:.1f} ms of CPU, "
        f"database {cost.database * 1e3:.1f}, driver {cost.driver * 1e3:.1f}; waits {cost.idle * 1e3:.1f} ms; "
        f"{busy.log / 1e3:.0f} KB of log, {busy.kept / 1e3:.0f} KB kept"
    )
    console.print(compare(cases, cost))
    console.print(f"One database of {_CORES} cores, 16 clients a node, everybody on cores of their own:")
    console.print(bends(cost))
    console.print(
        f"Peaks of {_PEAK:g} × the mean, CPU at most {_FILL:.0%} used, {_CORES} cores a database, "
        f"mails of {_BODY / 1e3:.0f} KB kept {_BODIES} days, decisions {_DECISIONS}:"
    )
    console.print(extended(cost, busy))


if __name__ == "__main__":
    main()
