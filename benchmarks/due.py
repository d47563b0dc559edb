"""Very many mails due in the same second: how fast they leave, and how long new mail waits for its 250 meanwhile.

Both relays wait with the same mails and carry them to the same smtp-sink, one relay after the other; a client goes on
sending one mail after another. `python -m benchmarks.due`, or `make bench BENCH="--only due"`.
"""

import argparse
import contextlib
import hashlib
import re
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import letters, plots
from benchmarks.client import Client, p99
from benchmarks.figures import keep
from benchmarks.relays import ROOT, Mailguard, Postfix, Relay
from benchmarks.sink import BenchError, Load, Sink
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.records import Action, Delivery, Hit, Mode, NewMail, State, Verdict
from mailguard.store.sqlite import connection
from mailguard.store.verbs import mails

SIZES = (100, 1_000, 10_000)
SIZE = 4096  # bytes of a mail
IDLE = 5.0  # seconds the client sends before anything is due
WARM = 20  # mails before all: what is read and compiled once belongs to nobody's wait
WITHIN = 300.0
SLOWER = 3.0  # times the idle p99 that is allowed while they leave


@dataclass(frozen=True, slots=True)
class Peak:
    """Seconds; `lag`: from due to on the wire, the 99th of 100, as the service itself counts it (mailguard only)."""

    relay: str
    mails: int
    seconds: float  # from due to the last one in the sink
    idle: float  # dot to 250, the 99th of 100, before
    busy: float  # and while they left
    accepted: int  # new mails while they left
    lag: float | None


def main(screen: Console, *, quick: bool = False, out: Path = ROOT / "out") -> list[str]:
    """Measured, shown, and what was missed."""
    sizes = SIZES[1:2] if quick else SIZES
    folder = Path(tempfile.mkdtemp(prefix="mailguard-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    letter = letters.write(folder, SIZE)
    found = []
    try:
        for size in sizes:
            found += [_ours(folder, letter, size), _peers(folder, letter, size)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keep(out / "due.json", found)
    _draw(out / "due.svg", found)
    screen.print(table(found))
    return missed(found)


def _ours(folder: Path, letter: Path, size: int) -> Peak:
    """A store filled beforehand, all of it due at one moment after the start."""
    with contextlib.ExitStack() as stack:
        sink = Sink(folder)
        stack.callback(sink.stop)
        waiting = folder / f"waiting-{size}.db"
        due = datetime.now(UTC) + timedelta(seconds=20 + size / 2000)
        fill(waiting, size, f"127.0.0.1:{sink.port}", letter.read_bytes().replace(b"\n", b"\r\n"), due)
        relay = Mailguard(folder / f"ours-{size}", sink.port, waiting)
        stack.callback(relay.stop)
        return _peak(relay, sink, letter, size, lambda: due, lambda: _lag(relay))


def _peers(folder: Path, letter: Path, size: int) -> Peak:
    """Taken while it delivers nothing, then told to deliver all of it."""
    with contextlib.ExitStack() as stack:
        sink = Sink(folder)
        stack.callback(sink.stop)
        relay = Postfix(folder / f"peer-{size}", sink.port, more={"defer_transports": "smtp"})
        stack.callback(relay.stop)
        Load(SIZE, size, file=letter).send(relay.port, WITHIN)
        return _peak(relay, sink, letter, size, relay.flush, lambda: None)


def _peak(
    relay: Relay, sink: Sink, letter: Path, size: int, begin: Callable[[], datetime], lag: Callable[[], float | None]
) -> Peak:
    Load(SIZE, WARM, file=letter).send(relay.port, 60)
    with Client(relay.port, letter) as client:
        time.sleep(IDLE)
        due = begin()
        time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        began = time.monotonic()
        while sink.count() < size + WARM + len(client.waits):  # the client's leave as they come
            if time.monotonic() > began + WITHIN:
                raise BenchError(f"{relay.name}: {sink.count()} of {size} mails arrived")
            time.sleep(0.01)
        seconds = time.monotonic() - began
    idle = [wait for sent, wait in client.waits if sent < began]
    busy = [wait for sent, wait in client.waits if began <= sent < began + seconds]
    return Peak(relay.name, size, seconds, p99(idle), p99(busy), len(busy), lag())


def fill(file: Path, count: int, destination: str, raw: bytes, due: datetime) -> None:
    """So many mails by as many senders as a firm has, all due at that moment."""
    db = connection.connect_writer(file)
    now = datetime.now(UTC)
    with connection.transaction(db):
        for number in range(1, count + 1):
            sender, to = f"person{number % 500}@corp.example", Recipient(f"contact{number}@client.example")
            mails.put(
                db,
                NewMail(
                    f"{number:08X}", Envelope(sender, (to,)), Identity(sender, Proof.NETWORK), raw,
                    hashlib.sha256(raw).digest(), now, (),
                    (Delivery(to, destination, State.QUEUED, due_at=due, external=True),),
                    Verdict(
                        Action.DELAY, hits=(Hit("external-delay", Mode.ENFORCE, Action.DELAY, "outside"),),
                        rules_hash="h1",
                    ),
                    message_id=f"<{number}@corp.example>", subject=f"quote {number}", answers=sender,
                ),
                now,
            )  # fmt: skip
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()


def _lag(relay: Mailguard) -> float:
    """Its own release lag: the upper bound of the bucket in which 99 of 100 are."""
    with urllib.request.urlopen(f"http://127.0.0.1:{relay.metrics_port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(r'^mailguard_release_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', text, re.MULTILINE)
    buckets = [(float(upper), float(total)) for upper, total in found]
    return next(upper for upper, total in buckets if total >= 0.99 * buckets[-1][1])


def missed(found: Sequence[Peak]) -> list[str]:
    """Where new mail waited longer than it may."""
    return [
        f"new mail waits {one.busy / one.idle:.1f} × as long while {one.mails:,} leave (≤ {SLOWER:g} wanted)"
        for one in found
        if one.relay == "mailguard" and one.busy > SLOWER * one.idle
    ]


def table(found: Sequence[Peak]) -> Table:
    """A row for each size and relay."""
    shown = Table(title=f"all due in the same second, while a client sends new mail (99 %: ≤ {SLOWER:g} × idle)")
    shown.add_column("mails")
    shown.add_column("relay")
    for heading in (
        "seconds to empty",
        "mails a second",
        "dot to 250, 99 %: idle, ms",
        "meanwhile, ms",
        "×",
        "lag, 99 %",
    ):
        shown.add_column(heading, justify="right")
    for one in found:
        shown.add_row(
            f"{one.mails:,}", one.relay, f"{one.seconds:.1f}", f"{one.mails / one.seconds:.0f}",
            f"{one.idle * 1000:.1f}", f"{one.busy * 1000:.1f}", f"{one.busy / one.idle:.1f}",
            "" if one.lag is None else f"≤ {one.lag:g} s",
        )  # fmt: skip
    return shown


def _draw(file: Path, found: Sequence[Peak]) -> None:
    def lines(value: Callable[[Peak], float]) -> dict[str, list[tuple[float, float]]]:
        names = dict.fromkeys(one.relay for one in found)
        return {name: [(one.mails, value(one)) for one in found if one.relay == name] for name in names}

    plots.charts(file, "Many due at once", [
        plots.Chart("seconds to empty", "s", lines(lambda one: one.seconds)),
        plots.Chart("new mail, dot to 250, 99 %", "ms", lines(lambda one: one.busy * 1000)),
    ])  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.due", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 1,000 mails only")
    sys.exit(1 if main(Console(width=130), quick=parser.parse_args().quick) else 0)
