"""`mailguard db copy` of a live installation: how long it copies beside the service, and how long nothing is accepted.

Beside it PostgreSQL's own tools move the same rows from one database into another (`pg_dump | psql`). The pause is from
the service's end to the command's; a start, some two seconds, comes after it. `python -m benchmarks.moving`.
"""

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import due, waiting
from benchmarks.figures import keep
from benchmarks.relays import ROOT, Mailguard
from benchmarks.sink import BenchError
from tests.postgres import USER, Postgres, running

SIZES = (1_000, 10_000, 100_000)
LARGE, LARGE_BYTES = 20, 25 << 20
COMMAND = Path(sys.executable).parent / "mailguard"
WITHIN = 1800.0


@dataclass(frozen=True, slots=True)
class Move:
    """Seconds, and bytes of the file."""

    mails: str
    file: int
    copying: float  # beside the service, until in step
    pause: float
    peer: float  # pg_dump | psql of the same rows


def main(screen: Console, *, quick: bool = False, out: Path = ROOT / "out") -> list[str]:
    """Measured and shown; nothing is missed, the pause is to be stated."""
    folder = Path(tempfile.mkdtemp(prefix="mailguard-bench-", dir="/var/tmp"))
    sizes = SIZES[:2] if quick else SIZES
    found = []
    try:
        with running() as server:
            for mails, file in _files(folder, sizes):
                found.append(_move(server, folder / mails.replace(" ", ""), mails, file))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keep(out / "moving.json", found)
    screen.print(table(found))
    return []


def _files(folder: Path, sizes: Sequence[int]) -> Iterator[tuple[str, Path]]:
    """Of small mails so many, and some as large as mail gets; all of them wait."""
    begin = datetime.now(UTC) - max(sizes) * waiting.STEP
    for size, file in waiting.fill(folder, sizes, begin).items():
        yield f"{size:,}", file
    large = folder / "large.db"
    raw = b"Subject: large\r\n\r\n" + b"x" * 76 * (LARGE_BYTES // 78) + b"\r\n"
    due.fill(large, LARGE, "mx:client.example", raw, datetime.now(UTC) + timedelta(days=1))
    yield f"{LARGE} of {LARGE_BYTES >> 20} MB", large


def _move(server: Postgres, folder: Path, mails: str, file: Path) -> Move:
    target = server.fresh()
    with contextlib.ExitStack() as stack:
        relay = Mailguard(folder, 9, file)
        running_relay = stack.enter_context(contextlib.ExitStack())
        running_relay.callback(relay.stop)
        began = time.monotonic()
        command = [str(COMMAND), "db", "copy", f"sqlite:{folder / 'mail.db'}", target]
        copying = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        stack.callback(copying.kill)
        assert copying.stderr
        said = copying.stderr.readline()
        if "stop it now" not in said:
            raise BenchError(f"db copy: {said}{copying.stderr.read()}")
        step = time.monotonic()
        running_relay.close()
        stopped = time.monotonic()
        _, said = copying.communicate(timeout=WITHIN)
        if copying.returncode:
            raise BenchError(f"db copy: {said}")
        pause = time.monotonic() - stopped
    (folder / "mail.db").unlink()
    return Move(mails, file.stat().st_size, step - began, pause, _peer(server, target))


def _peer(server: Postgres, url: str) -> float:
    schema = url.rpartition("=")[2]
    server.say(f"CREATE DATABASE {schema}")
    reach = f"-h {server.folder} -U {USER}"
    began = time.monotonic()
    piped = f"set -o pipefail; pg_dump {reach} -n {schema} postgres | psql -X -q -v ON_ERROR_STOP=1 {reach} {schema}"
    subprocess.run(["bash", "-c", piped], check=True, stdout=subprocess.DEVNULL, timeout=WITHIN)
    took = time.monotonic() - began
    server.say(f"DROP DATABASE {schema}")
    server.say(f"DROP SCHEMA {schema} CASCADE")
    return took


def table(found: Sequence[Move]) -> Table:
    """A row for each store."""
    shown = Table(title="mailguard db copy from a file into PostgreSQL, beside pg_dump | psql of the same rows")
    for heading in ("mails", "file, MB", "copying beside the service, s", "pause, s", "pg_dump | psql, s"):
        shown.add_column(heading, justify="right")
    for one in found:
        shown.add_row(
            one.mails, f"{one.file / 1e6:.0f}", f"{one.copying:.1f}", f"{one.pause:.1f}", f"{one.peer:.1f}"
        )  # fmt: skip
    return shown


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moving", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 10,000 mails only")
    sys.exit(1 if main(Console(width=130), quick=parser.parse_args().quick) else 0)
