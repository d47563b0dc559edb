"""What a mail costs several nodes on one PostgreSQL: CPU of the nodes, of the database and of what drives them.

Real `mailguard serve` processes, a real server, a client for each session and a sink, all on this machine.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosmtplib

from benchmarks.processes import tree_cpu
from mailguard.clock import SystemClock
from mailguard.demo.world import OutsideWorld
from mailguard.testing import eventually
from tests.installed import Installed, install
from tests.postgres import Postgres, running

_BODY = "x" * 70 + "\r\n"
SIZE = 4096  # bytes of a mail's text
_READY = 180.0  # seconds


@dataclass(frozen=True)
class Case:
    """Of one mail: seconds of CPU, and bytes. `speed`: CPU seconds two busy processes got a second, then."""

    nodes: int
    clients: int  # of each node
    mails: int
    rate: float  # mails a second, from the first connection to the last arrival
    node: float
    database: float
    driver: float
    log: float  # bytes of write-ahead log
    kept: float  # bytes of tables and indexes
    speed: float


async def measure(cases: Sequence[tuple[int, int]], mails: int) -> list[Case]:
    """Each on a schema of its own. Blocks while processes start."""
    found = []
    with running() as server:
        for nodes, clients in cases:
            found.append(await _case(server, nodes, clients, mails))
    return found


async def _case(server: Postgres, nodes: int, clients: int, mails: int) -> Case:
    sink = OutsideWorld(SystemClock())
    await sink.start()
    url = server.fresh()
    with tempfile.TemporaryDirectory() as folder, _started(Path(folder), url, nodes, sink.port) as houses:
        ports = [house.ports["plain"] for house in houses for _ in range(clients)]
        await asyncio.gather(*(_send(port, 3) for port in ports))  # connections and caches are there then
        await _arrived(sink, 3 * len(ports))
        each = -(-mails // len(ports))
        got, before = speed(), _used(server, houses)
        began = time.perf_counter()
        await asyncio.gather(*(_send(port, each) for port in ports))
        await _arrived(sink, (3 + each) * len(ports))
        took = time.perf_counter() - began
        sent = each * len(ports)
        node, database, driver, log, kept = (
            (after - start) / sent for start, after in zip(before, _used(server, houses), strict=True)
        )
    await sink.stop()
    return Case(nodes, clients, sent, sent / took, node, database, driver, log, kept, (got + speed()) / 2)


@contextmanager
def _started(folder: Path, url: str, nodes: int, sink: int) -> Iterator[list[Installed]]:
    houses: list[Installed] = []
    try:
        for number in range(nodes):
            place = folder / str(number)
            place.mkdir()
            house = install(place, sink)
            config = house.config.read_text("utf-8").replace("sqlite:mail.db", url)
            house.config.write_text(config, "utf-8")
            house.launch()
            houses.append(house)
            house.wait_until_ready(_READY)
        yield houses
    finally:
        for house in houses:
            house.end()


async def _send(port: int, mails: int) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=120) as client:
        for number in range(mails):
            head = f"From: ann@corp.example\r\nTo: bob@corp.example\r\nMessage-ID: <{number}.{id(client)}@corp.example>"
            text = f"{head}\r\nSubject: Quote\r\n\r\n{_BODY * (SIZE // len(_BODY))}"
            await client.sendmail("ann@corp.example", ["bob@corp.example"], text.encode())


async def _arrived(sink: OutsideWorld, mails: int) -> None:
    await eventually(lambda: len(sink.caught) >= mails, within=300)


def _used(server: Postgres, houses: Sequence[Installed]) -> tuple[float, float, float, float, float]:
    """Seconds of nodes, database and ourselves; bytes of its log, and of what it keeps."""
    postmaster = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    nodes = sum(tree_cpu(house.process.pid) for house in houses if house.process)
    log = float(server.say("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"))
    kept = float(server.say("SELECT pg_database_size(current_database())"))
    return nodes, tree_cpu(postmaster), time.process_time(), log, kept


def speed() -> float:
    """CPU seconds that two busy processes get in a second: 2 on an idle machine of two cores."""
    spin = (
        "import time\nend = time.perf_counter() + 2\nwhile time.perf_counter() < end: pass\nprint(time.process_time())"
    )
    began = time.perf_counter()
    processes = [
        subprocess.Popen([sys.executable, "-c", spin], stdout=subprocess.PIPE, text=True)
        for _ in range(min(2, os.cpu_count() or 1))
    ]
    used = sum(float(process.communicate()[0]) for process in processes)
    return used / max(2.0, time.perf_counter() - began)
