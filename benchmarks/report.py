"""From runs to ratios: every figure of mailguard stands beside its peer's, or is a ratio to it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks import latency
from benchmarks.files import TARGET, Reading
from benchmarks.latency import Waits
from benchmarks.measures import MB, Memory, Run, Stall

# What is wanted: so much of Postfix's throughput and at most so much of its CPU, by size of mail (and with sessions
# reused); at most so many bytes of memory for each byte in flight, and milliseconds of everyone's time for one mail.
THROUGHPUT = {4096: (2.5, 3.0), 102400: (2.0, 2.0), 5 * MB: (1.2, 1.2)}
CPU = {4096: 1 / 3, 102400: 0.5, 5 * MB: 1.0}
MEMORY = 1.5
STALL = 50.0


@dataclass(frozen=True)
class Ratio:
    """mailguard ÷ Postfix, the median over the pairs of runs; `low` and `high` are the worst and the best pair."""

    size: int
    reuse: bool
    pairs: int
    throughput: float
    low: float
    high: float
    cpu: float  # of the whole machine, for each mail
    own_cpu: float  # of the relay's own processes
    seconds: tuple[float, float]  # median run, mailguard and Postfix
    mails: int

    @property
    def kind(self) -> str:
        return f"{shown(self.size)}, {'reused' if self.reuse else 'one a mail'}"

    @property
    def wanted(self) -> tuple[float, float]:
        """At least so much throughput, at most so much CPU of all processes."""
        return THROUGHPUT[self.size][self.reuse], CPU[self.size]

    @property
    def missed(self) -> str:
        throughput, cpu = self.wanted
        slow, dear = self.throughput < throughput, self.cpu > cpu
        return ", ".join(name for name, missed in (("throughput", slow), ("CPU", dear)) if missed)


def ratios(runs: Sequence[Run]) -> list[Ratio]:
    kinds = dict.fromkeys((run.size, run.reuse) for run in runs)
    return [_ratio([run for run in runs if (run.size, run.reuse) == kind]) for kind in kinds]


def _ratio(runs: Sequence[Run]) -> Ratio:
    ours = [run for run in runs if run.relay == "mailguard"]
    peers = [run for run in runs if run.relay == "postfix"]

    def each(value: Callable[[Run], float]) -> list[float]:
        return [value(our) / max(value(peer), 1e-9) for our, peer in zip(ours, peers, strict=True)]

    speeds = each(lambda run: 1 / run.seconds)
    return Ratio(
        size=runs[0].size,
        reuse=runs[0].reuse,
        pairs=len(ours),
        throughput=median(speeds),
        low=min(speeds),
        high=max(speeds),
        cpu=median(each(lambda run: run.cpu)),
        own_cpu=median(each(lambda run: run.own_cpu)),
        seconds=(median(run.seconds for run in ours), median(run.seconds for run in peers)),
        mails=runs[0].mails,
    )


@dataclass(frozen=True)
class Report:
    machine: dict[str, str]
    runs: Sequence[Run]
    stalls: Sequence[Stall]  # idle first, then with large mails
    memory: Sequence[Memory]
    files: Sequence[Reading] = ()  # an idle loop, mailguard's, the same on the loop
    waits: Sequence[Waits] = ()

    def missed(self) -> list[str]:
        """The targets of this form of the benchmark that were not reached."""
        slow = [f"{ratio.missed} at {ratio.kind}" for ratio in ratios(self.runs) if ratio.missed]
        fat = [f"memory with {used.mails} in flight" for used in self.memory if used.per_byte > MEMORY]
        stuck = [f"event loop blocked {wait.worst:.0f} ms" for wait in self._ours() if wait.worst > STALL]
        away = [f"loop away {one.worst:.0f} ms" for one in self.files[1:2] if one.worst > TARGET]
        late = latency.missed(self.waits) if self.waits else []
        return slow + fat + stuck + away + late

    def _ours(self) -> list[Stall]:
        return [wait for wait in self.stalls if wait.relay == "mailguard"]

    def asdict(self) -> dict[str, object]:
        return {
            "machine": self.machine,
            "runs": [asdict(run) for run in self.runs],
            "ratios": [asdict(ratio) | {"missed": ratio.missed} for ratio in ratios(self.runs)],
            "waits": [asdict(one) for one in self.waits],
            "stalls": [asdict(wait) for wait in self.stalls],
            "memory": [asdict(used) | {"per_byte": used.per_byte} for used in self.memory],
            "files": [asdict(one) for one in self.files],
            "missed": self.missed(),
        }

    def show(self, console: Console) -> None:
        console.print(", ".join(f"{name}: {value}" for name, value in self.machine.items()), highlight=False)
        console.print(_speeds(ratios(self.runs)))
        if self.waits:
            console.print(latency.table(self.waits))
        if self.stalls:
            console.print(_stalls(self.stalls))
        if self.memory:
            console.print(_memory(self.memory))
        if self.files:
            console.print(_files(self.files))
        missed = self.missed()
        if "NOT mailguard" in self.machine:
            return
        console.print("missed: " + "; ".join(missed) if missed else "every target met", highlight=False)


def shown(size: int) -> str:
    return f"{size // MB} MB" if size >= MB else f"{size // 1024} KB"


def _speeds(found: Sequence[Ratio]) -> Table:
    table = Table(title="mailguard ÷ Postfix (above 1: mailguard is faster; CPU below 1: it needs less)")
    headings = (
        "mail",
        "sessions",
        "throughput",
        "of the pairs",
        "wanted",
        "CPU/mail",
        "wanted",
        "own CPU/mail",
        "seconds",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for ratio in found:
        throughput, cpu = ratio.wanted
        table.add_row(
            f"{ratio.mails} × {shown(ratio.size)}", "reused" if ratio.reuse else "one a mail",
            f"{ratio.throughput:.2f}", f"{ratio.low:.2f}-{ratio.high:.2f}", f"≥ {throughput:g}",
            f"{ratio.cpu:.2f}", f"≤ {cpu:.2g}", f"{ratio.own_cpu:.2f}",
            f"{ratio.seconds[0]:.2f} : {ratio.seconds[1]:.2f}",
        )  # fmt: skip
    return table


def _stalls(waits: Sequence[Stall]) -> Table:
    table = Table(title=f"another client's NOOP while large mails come in, ms (target: at most {STALL:g})")
    for heading in ("relay", "probes", "median", "99 %", "worst"):
        table.add_column(heading, justify="left" if heading == "relay" else "right")
    for wait in waits:
        table.add_row(wait.relay, f"{wait.probes}", f"{wait.median:.2f}", f"{wait.p99:.1f}", f"{wait.worst:.1f}")
    return table


def _memory(found: Sequence[Memory]) -> Table:
    table = Table(
        title=f"mailguard's memory above idle, as a multiple of the mail in flight (target: at most {MEMORY:g})"
    )
    table.add_column("in flight", justify="right")
    table.add_column("multiple", justify="right")
    for used in found:
        table.add_row(f"{used.mails} × {shown(used.size)}", f"{used.per_byte:.2f}")
    return table


def _files(found: Sequence[Reading]) -> Table:
    table = Table(title=f"a 10 MB mail with five Office files: everybody's wait (target: at most {TARGET:g} ms)")
    table.add_column("read by")
    table.add_column("seconds", justify="right")
    table.add_column("loop away at most, ms", justify="right")
    for one in found:
        table.add_row(one.how, f"{one.seconds:.2f}", f"{one.worst:.1f}")
    return table
