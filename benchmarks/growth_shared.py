"""As `benchmarks.growth`, of a store in PostgreSQL: what its verbs cost with more and more mails waiting.

A purge is not among them: there nobody waits for its transactions.

The client's clock, over the store's own connections; the CPU is the database's and the client's together. The server is
one of our own, its data in memory where that is possible. `python -m benchmarks.growth_shared`.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks import growth, processes, waiting
from benchmarks.figures import keep
from benchmarks.growth import Figure
from benchmarks.relays import ROOT
from mailguard.clock import SystemClock
from mailguard.records import State
from mailguard.store.base import Filter
from mailguard.store.moving import move
from mailguard.store.postgres import PostgresStore
from tests.postgres import Postgres, running

SIZES = (1_000, 10_000, 100_000, 1_000_000)
WORKS = ("start", "claim", "intake", "queue list", "held", "approvals", "health")
# the column that says which mail, where it is not called so
_FROM_MAIL = {
    "mail": "id",
    "thread": "id",
    "thread_member": "thread",
}
_WITHOUT = ("hold",)  # what waits for people stays as few as it is
_PER_MAIL = 1 << 16  # numbers of chunks of one mail


def main(screen: Console, *, quick: bool = False, out: Path = ROOT / "out") -> list[str]:
    """Measured, shown, and what was missed."""
    sizes = SIZES[:2] if quick else SIZES
    folder = Path(tempfile.mkdtemp(prefix="mailguard-bench-", dir="/var/tmp"))
    begin = datetime.now(UTC) - max(sizes) * waiting.STEP
    try:
        with running() as server:
            server.stop()
            server.start(shared_buffers="512MB", max_wal_size="4GB")
            url = server.fresh()
            file = waiting.fill(folder, [waiting.SEED], begin)[waiting.SEED]
            asyncio.run(move.move(file, url, _Quiet(), SystemClock(), wait=True))
            figures = list(_grown(server, url, sizes))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keep(out / "growth-shared.json", figures)
    growth.show(screen, figures, sizes, WORKS)
    return growth.missed(figures)


class _Quiet:
    """As `move.Watch`."""

    def copying(self) -> nullcontext[Callable[[int, int], None]]:
        return nullcontext(lambda _done, _all: None)

    def in_step(self, copied: move.Copied) -> None: ...


def _grown(server: Postgres, url: str, sizes: Sequence[int]) -> Iterator[Figure]:
    size = waiting.SEED
    for wanted in sizes:
        while size < wanted:
            grow(server, url.rpartition("=")[2], size)
            size *= 10
        with _copied(server, url) as copy:
            yield from asyncio.run(_measured(server, copy, size))


@contextmanager
def _copied(server: Postgres, url: str) -> Iterator[str]:
    """What is measured changes it; the next size grows out of what was before."""
    server.say("CREATE DATABASE measured TEMPLATE postgres")
    try:
        yield url.replace("@/postgres", "@/measured")
    finally:
        server.say("DROP DATABASE measured")


def grow(server: Postgres, schema: str, size: int) -> None:
    """Ten times as many, copied row by row in SQL."""
    tables = [name for name in waiting.SHIFTED if name not in _WITHOUT] + ["delivery", "chunk", "word"]
    say = [f"SET search_path = {schema}", *(f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in tables)]
    for name in tables:
        columns = server.say(
            "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
            f" AND attrelid = '{schema}.{name}'::regclass ORDER BY attnum"
        ).split()
        which = _FROM_MAIL.get(name, f"id / {_PER_MAIL}" if name == "chunk" else "mail")
        values = ", ".join(_moved(name, column, size) for column in columns)
        say.append(
            f"INSERT INTO {name} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE"
            f" SELECT {values} FROM {name}, generate_series(1, 9) AS n(times) WHERE {which} <= {size}"
        )
    say += [f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in tables]
    say.append("UPDATE numbered SET last = (SELECT max(id) FROM event)")
    numbered = server.say(
        "SELECT table_name || ' ' || column_name FROM information_schema.columns WHERE"
        f" table_schema = '{schema}' AND pg_get_serial_sequence('{schema}.' || table_name, column_name) <> ''"
    )
    for line in numbered.splitlines():
        name, column = line.split()
        if name in tables:
            sequence = f"pg_get_serial_sequence('{name}', '{column}')"
            say.append(f"SELECT setval({sequence}, (SELECT max({column}) FROM {name}))")
    server.say("; ".join(["BEGIN", *say, "COMMIT"]))
    server.say("VACUUM ANALYZE")


def _moved(table: str, column: str, size: int) -> str:
    """The column's value in the n-th copy."""
    by = f"n.times * {size}"
    later = f"{by} * {waiting.STEP // timedelta(microseconds=1)}"
    if table == "event" and column in {"id", "place"}:
        return f"{column} + n.times * (SELECT max({column}) FROM event)"
    if table == "chunk" and column == "id":
        return f"id + {by} * {_PER_MAIL}"
    if column in {"mail", "thread"} or (column == "id" and table in {"mail", "thread", "delivery", "envelope"}):
        return f"{column} + {by}"
    texts = {
        "queue_id": f"lpad(upper(to_hex(id + {by})), 8, '0')",
        "message_id": f"'<' || {by} || '.' || substr(message_id, 2)",
        "state": "'queued'" if table == "delivery" else "state",
        "due_at": f"coalesce(due_at, (SELECT max(due_at) FROM delivery)) + {later}",
        "received_at": f"received_at + {later}", "at": f"at + {later}", "last_at": f"last_at + {later}",
    }  # fmt: skip
    return texts.get(column, column)


async def _measured(server: Postgres, url: str, size: int) -> list[Figure]:
    now = datetime.now(UTC)
    late = now + 2 * waiting.WAITS
    began, cpu = time.perf_counter(), _cpu(server)
    store = PostgresStore(url, callers_clock=True)
    await store.open()
    found = [Figure("start", size, time.perf_counter() - began, _cpu(server) - cpu)]
    try:
        works: dict[str, tuple[float, Sequence[Callable[[], Awaitable[object]]]]] = {
            "queue list": (0.5, [lambda: store.find(Filter(waiting=True, limit=50))] * growth.LOOKS),
            "held": (0.5, [lambda: store.find(Filter(state=State.HELD, limit=50))] * growth.LOOKS),
            "approvals": (0.5, [lambda: store.find(Filter(approver=waiting.APPROVER, limit=50))] * growth.LOOKS),
            "health": (0.5, [lambda: store.counts(now)] * growth.LOOKS),
            "intake": (0.5, [partial(_put, store, 10 * size + n, now) for n in range(growth.TIMES)]),
            "claim": (0.99, [lambda: _claim(store, late)] * growth.TIMES),
        }  # fmt: skip
        for what, (share, work) in works.items():
            times = [one async for one in _timed(server, work)]
            found.append(Figure(what, size, *growth.share(times, share)))
    finally:
        await store.close()
    return found


async def _timed(
    server: Postgres, works: Sequence[Callable[[], Awaitable[object]]]
) -> AsyncIterator[tuple[float, float]]:
    """CPU of so short a work is not to be seen by itself: it is the mean of all."""
    before, clocks = _cpu(server), []
    for work in works:
        began = time.perf_counter()
        await work()
        clocks.append(time.perf_counter() - began)
    mean = (_cpu(server) - before) / len(works)
    for clock in clocks:
        yield clock, mean


def _cpu(server: Postgres) -> float:
    return processes.tree_cpu(server.pid) + time.process_time()


async def _put(store: PostgresStore, number: int, now: datetime) -> None:
    await store.put(waiting.mail(number, now), now)


async def _claim(store: PostgresStore, now: datetime) -> object:
    together = growth.TOGETHER
    lease = timedelta(minutes=30)
    return await store.claim("growth", now, lease=lease, limit=together, per_destination=together, skip={})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth_shared", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 10,000 mails only")
    sys.exit(1 if main(Console(width=130), quick=parser.parse_args().quick) else 0)
