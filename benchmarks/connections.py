"""Very many clients at once: what an idle connection costs in memory, and how long a mail waits beside busy ones.

Both relays with the same clients: one that sends mail after mail, and beside it first nobody, then connections that
said EHLO and nothing more, then smtp-source with very many sessions. Postfix has a process for each client, so it is
asked for fewer idle ones. `python -m benchmarks.connections`, or `make bench BENCH="--only connections"`.
"""

import argparse
import contextlib
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks import letters, processes
from benchmarks.client import Client, p99
from benchmarks.figures import keep
from benchmarks.relays import ROOT, Mailguard, Postfix, Relay
from benchmarks.sink import Load, Sink

SIZE = 4096  # bytes of a mail
IDLE, PEERS, BUSY = 5_000, 500, 500
SECONDS = 5.0
MAILS = 5_000  # through the busy sessions
WITHIN = 300.0
MB = 1 << 20
LIMITS = {"connections": 2 * IDLE, "per_client": 2 * IDLE}


@dataclass(frozen=True, slots=True)
class Crowd:
    """Seconds from the dot to the 250 for one client; bytes of memory, shared pages counted once."""

    relay: str
    beside: str  # what else is connected
    connections: int
    waits: float
    slow: float  # the 99th of 100
    memory: int
    rate: float = 0.0  # mails a second through the busy ones


def main(screen: Console, *, quick: bool = False, out: Path = ROOT / "out") -> list[str]:
    """Measured and shown. Nothing is missed: the figures are to be stated."""
    folder = Path(tempfile.mkdtemp(prefix="mailguard-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    part = 10 if quick else 1
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        letter, sink = letters.write(folder, SIZE), Sink(folder)
        stack.callback(sink.stop)
        ours = Mailguard(folder / "ours", sink.port, limits=LIMITS)
        with contextlib.ExitStack() as running:
            running.callback(ours.stop)
            found = list(_crowds(ours, letter, IDLE // part, BUSY // part, MAILS // part))
        peer = Postfix(folder / "peer", sink.port, more={"default_process_limit": PEERS + BUSY + 100})
        stack.callback(peer.stop)
        found += _crowds(peer, letter, PEERS // part, BUSY // part, MAILS // part)
    keep(out / "connections.json", found)
    screen.print(table(found))
    return []


def _crowds(relay: Relay, letter: Path, idle: int, busy: int, mails: int) -> Iterator[Crowd]:
    Load(SIZE, 100, file=letter).send(relay.port, WITHIN)
    waits = _alone(relay, letter)
    yield Crowd(relay.name, "nobody", 0, median(waits), p99(waits), processes.proportional(relay.pid))
    with _silent(relay.port, idle):
        waits = _alone(relay, letter)
        yield Crowd(relay.name, "idle", idle, median(waits), p99(waits), processes.proportional(relay.pid))
    with Client(relay.port, letter) as client:
        began = time.monotonic()
        Load(SIZE, mails, sessions=busy, reuse=True, file=letter).send(relay.port, WITHIN)
        rate = mails / (time.monotonic() - began)
        memory = processes.proportional(relay.pid)
    waits = [wait for _, wait in client.waits]
    yield Crowd(relay.name, "busy", busy, median(waits), p99(waits), memory, rate)


def _alone(relay: Relay, letter: Path) -> list[float]:
    with Client(relay.port, letter) as client:
        time.sleep(SECONDS)
    return [wait for _, wait in client.waits]


@contextlib.contextmanager
def _silent(port: int, count: int) -> Iterator[None]:
    """So many connections that said EHLO and no more."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            for said in (b"", b"EHLO client\r\n"):
                client.sendall(said)
                answer = client.recv(2000)
                assert answer.startswith((b"220", b"250")), answer
        yield


def table(found: Sequence[Crowd]) -> Table:
    """A row for each relay and crowd."""
    shown = Table(title="one client's mail after mail, beside others (4 KB, a mail every 50 ms)")
    for heading in ("relay", "beside"):
        shown.add_column(heading)
    for heading in ("dot to 250, ms", "99 %, ms", "memory, MB", "KB a connection", "their mails a second"):
        shown.add_column(heading, justify="right")
    alone = {one.relay: one.memory for one in found if not one.connections}
    for one in found:
        each = (one.memory - alone[one.relay]) / one.connections / 1024 if one.connections else None
        shown.add_row(
            one.relay, f"{one.connections:,} {one.beside}" if one.connections else one.beside,
            f"{one.waits * 1000:.1f}", f"{one.slow * 1000:.1f}", f"{one.memory / MB:.0f}",
            "" if each is None else f"{each:.0f}", f"{one.rate:.0f}" if one.rate else "",
        )  # fmt: skip
    return shown


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.connections", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    sys.exit(1 if main(Console(width=130), quick=parser.parse_args().quick) else 0)
