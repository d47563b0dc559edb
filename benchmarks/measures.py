"""One run of each kind: how fast, how much CPU, how much memory, how long the others had to wait."""

import contextlib
import socket
import threading
import time
from dataclasses import asdict, dataclass
from statistics import quantiles

from benchmarks import processes
from benchmarks.relays import Relay
from benchmarks.sink import BenchError, Load, Sink

MB = 1024 * 1024


@dataclass(frozen=True)
class Run:
    """One load through one relay. `seconds`: from the first connection until the sink had the last mail."""

    relay: str
    size: int
    reuse: bool
    mails: int
    seconds: float
    accepted: float  # seconds until the last 250
    cpu: float  # seconds, all processes of the machine
    own_cpu: float  # seconds, the relay's processes

    def asdict(self) -> dict[str, object]:
        return asdict(self)


def speed(relay: Relay, sink: Sink, load: Load, timeout: float) -> Run:
    before, cpu, own = sink.count(), processes.machine_cpu(), processes.tree_cpu(relay.pid)
    start = time.monotonic()
    load.send(relay.port, timeout)
    accepted = time.monotonic() - start
    sink.wait(before + load.mails, start + timeout)
    seconds = time.monotonic() - start
    run = Run(
        relay.name,
        load.size,
        load.reuse,
        load.mails,
        seconds,
        accepted,
        processes.machine_cpu() - cpu,
        processes.tree_cpu(relay.pid) - own,
    )
    time.sleep(0.3)  # what is left to tidy up belongs to no one's next run
    if (extra := sink.count() - before - load.mails) != 0:
        raise BenchError(f"{relay.name}: {extra} more mails arrived than were sent")
    return run


@dataclass(frozen=True)
class Memory:
    mails: int
    size: int
    peak: int  # bytes above idle

    @property
    def per_byte(self) -> float:
        """Memory for each byte of mail in flight."""
        return self.peak / (self.mails * self.size)


def memory(relay: Relay, sink: Sink, load: Load, idle: int, timeout: float) -> Memory:
    """As many sessions as mails, all at once: so many and no more are in flight."""
    processes.forget_peak(relay.pid)
    speed(relay, sink, load, timeout)
    return Memory(load.mails, load.size, max(0, processes.resident(relay.pid, "VmHWM") - idle))


@dataclass(frozen=True)
class Stall:
    """How long another client waited for the answer to a NOOP while large mails came in, in milliseconds."""

    relay: str
    probes: int
    median: float
    p99: float
    worst: float


def stall(relay: Relay, sink: Sink, load: Load, timeout: float) -> Stall:
    """One session, one large mail after the other: so a wait is the doing of one mail."""
    with Probe(relay.port) as probe:
        speed(relay, sink, load, timeout)
    return _waits(relay.name, probe.waits)


def idle_stall(relay: Relay, seconds: float) -> Stall:
    """The same without any mail: what this machine does to everyone."""
    with Probe(relay.port) as probe:
        time.sleep(seconds)
    return _waits(relay.name, probe.waits)


def _waits(name: str, waits: list[float]) -> Stall:
    if len(waits) < 20:
        raise BenchError(f"{name}: only {len(waits)} probes were answered")
    cuts = quantiles(waits, n=100)
    return Stall(name, len(waits), cuts[49] * 1000, cuts[98] * 1000, max(waits) * 1000)


class Probe:
    """A client that asks NOOP every few milliseconds and writes down how long each answer took."""

    def __init__(self, port: int, pause: float = 0.004) -> None:
        self._port, self._pause = port, pause
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.waits: list[float] = []

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(30)

    def _ask(self) -> None:
        while not self._done.is_set():
            # a server may count commands and hang up: the next connection goes on
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 10) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.settimeout(10)
                if client.recv(1000).startswith(b"220"):
                    self._converse(client)

    def _converse(self, client: socket.socket) -> None:
        for _ in range(90):  # fewer than any server's limit of commands without a mail
            if self._done.wait(self._pause):
                return
            asked = time.perf_counter()
            client.sendall(b"NOOP\r\n")
            if not client.recv(1000).startswith(b"250"):
                return
            self.waits.append(time.perf_counter() - asked)
