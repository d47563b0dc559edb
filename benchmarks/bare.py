"""The least that a relay in Python can be, beside Postfix and beside mailguard: what is left to gain, and what is not.

It takes SMTP and answers 250 after its mail is committed (SQLite, synchronous=FULL, one commit for all who wait),
carries it to the sink over connections that stay open, and deletes it. No rule, no identity, no address is looked at,
nothing is logged or counted, no bad input is refused, nothing is tried again: a floor, and not a relay.
`python -m benchmarks.bare [--pairs 5] [--size 4096]`.
"""

import argparse
import asyncio
import queue
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count, product
from pathlib import Path
from statistics import median
from typing import cast

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks import letters, ports
from benchmarks.__main__ import MAILS, TIMEOUT
from benchmarks.measures import Run, speed
from benchmarks.relays import Mailguard, Postfix, Relay
from benchmarks.report import shown
from benchmarks.sink import Load, Sink
from mailguard.demo.site import free_port

CONNECTIONS = 20  # to the sink, as many as Postfix's default_destination_concurrency_limit

Work = tuple[str, Sequence[object], Callable[[], None] | None]  # statement, its values, what to call after the commit


class Bare:
    """As a process of its own."""

    name = "bare"

    def __init__(self, folder: Path, sink_port: int) -> None:
        folder.mkdir()
        self.port = self.tls_port = free_port()
        command = [sys.executable, "-m", "benchmarks.bare", "--serve", str(self.port), str(sink_port), str(folder)]
        with (folder / "log").open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out)
        self.pid = self._process.pid
        ports.wait(self.port, self._process, folder / "log")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


class _Store(threading.Thread):
    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(daemon=True)
        self._path, self._loop = path, loop
        self.work: queue.SimpleQueue[Work] = queue.SimpleQueue()

    def run(self) -> None:
        db = sqlite3.connect(self._path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE mail (id INTEGER PRIMARY KEY, sender BLOB, recipients BLOB, body BLOB)")
        while True:
            batch = [self.work.get()]
            while not self.work.empty():
                batch.append(self.work.get())
            db.execute("BEGIN IMMEDIATE")
            for statement, values, _ in batch:
                db.execute(statement, values)
            db.execute("COMMIT")
            self._loop.call_soon_threadsafe(_told, [then for _, _, then in batch if then is not None])


def _told(thens: Sequence[Callable[[], None]]) -> None:
    for then in thens:
        then()


class _In(asyncio.Protocol):
    """A client's connection. Replies go out together when several commands came together."""

    def __init__(self, accept: Callable[[bytes, list[bytes], bytes, Callable[[], None]], None]) -> None:
        self._accept, self._come = accept, bytearray()
        self._data = False
        self._sender, self._recipients = b"", list[bytes]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._transport.write(b"220 bare ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        at = max(0, len(self._come) - 4)
        self._come += data
        replies = []
        while True:
            if self._data:
                end = self._come.find(b"\r\n.\r\n", at)
                if end < 0:
                    break
                body = bytes(self._come[: end + 2])
                del self._come[: end + 5]
                self._data = False
                self._accept(self._sender, self._recipients, body, self._accepted)
            else:
                end = self._come.find(b"\r\n")
                if end < 0:
                    break
                replies.append(self._command(bytes(self._come[:end])))
                del self._come[: end + 2]
            at = 0
        if replies:
            self._transport.write(b"".join(replies))

    def _accepted(self) -> None:
        self._transport.write(b"250 OK\r\n")

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"MAIL":
            self._sender, self._recipients = line[10:], []
        elif verb == b"RCPT":
            self._recipients.append(line[8:])
        elif verb == b"DATA":
            self._data = True
            return b"354 go on\r\n"
        elif verb == b"EHLO":
            return b"250-bare\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
            return b""
        return b"250 OK\r\n"


class _Out(asyncio.Protocol):
    """A connection to the sink: one mail at a time, its commands in one write."""

    def __init__(self, idle: Callable[["_Out"], None]) -> None:
        self._idle, self._come, self._answers = idle, b"", 0
        self._body = b""
        self._done: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def carry(self, sender: bytes, recipients: Sequence[bytes], body: bytes, done: Callable[[], None]) -> None:
        self._body, self._done = body, done
        self._answers = 2 + len(recipients)
        self._transport.writelines(
            [b"MAIL FROM:", sender, *(b"\r\nRCPT TO:" + one for one in recipients), b"\r\nDATA\r\n"]
        )

    def data_received(self, data: bytes) -> None:
        *lines, self._come = (self._come + data).split(b"\r\n")
        for line in lines:
            if line[:3] == b"220":
                self._transport.write(b"EHLO bare\r\n")
                self._answers = 1
            elif line[3:4] != b"-":
                self._answers -= 1
                if line[:3] == b"354":
                    self._transport.writelines([self._body, b".\r\n"])
                    self._answers = 1
                elif not self._answers:
                    self._ended(line)

    def _ended(self, line: bytes) -> None:
        assert line[:3] == b"250", line
        if self._done is not None:
            self._done()
        self._idle(self)


async def serve(port: int, sink: int, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    store = _Store(folder / "mail.db", loop)
    store.start()
    numbers, waiting, idle = count(1), deque[tuple[int, bytes, list[bytes], bytes]](), list[_Out]()

    def accept(sender: bytes, recipients: list[bytes], body: bytes, accepted: Callable[[], None]) -> None:
        number = next(numbers)

        def committed() -> None:
            accepted()
            waiting.append((number, sender, recipients, body))
            carry()

        values = (number, sender, b" ".join(recipients), body)
        store.work.put(("INSERT INTO mail VALUES (?, ?, ?, ?)", values, committed))

    def carry() -> None:
        while waiting and idle:
            number, sender, recipients, body = waiting.popleft()
            forget = ("DELETE FROM mail WHERE id = ?", (number,), None)
            idle.pop().carry(sender, recipients, body, lambda forget=forget: store.work.put(forget))  # type: ignore[misc]

    def free(connection: _Out) -> None:
        idle.append(connection)
        carry()

    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Out(free), "127.0.0.1", sink)
    server = await loop.create_server(lambda: _In(accept), "127.0.0.1", port)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()


def measured(sizes: Sequence[int], pairs: int, mails: Callable[[int], int]) -> Iterator[tuple[int, bool, list[Run]]]:
    folder = Path(tempfile.mkdtemp(prefix="mailguard-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        sink = Sink(folder)
        stack.callback(sink.stop)
        relays: list[Relay] = []
        for kind in (Postfix, Bare, Mailguard):
            relays.append(kind(folder / kind.name, sink.port))
            stack.callback(relays[-1].stop)
        for relay in relays:
            speed(relay, sink, Load(4096, 100), TIMEOUT)
        for size, reuse in product(sizes, (False, True)):
            load = Load(size, mails(size), reuse=reuse, file=letters.write(folder, size))
            turns = [relays[turn % 3 :] + relays[: turn % 3] for turn in range(pairs)]
            yield size, reuse, [speed(relay, sink, load, TIMEOUT) for turn in turns for relay in turn]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="turns of all three")
    parser.add_argument("--size", type=int, action="append", choices=sorted(MAILS))
    parser.add_argument("--quick", action="store_true", help="fewer mails")
    parser.add_argument("--serve", nargs=3, metavar=("PORT", "SINK", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        port, sink, folder = given.serve
        uvloop.run(serve(int(port), int(sink), Path(folder)))
        return
    table = Table("mail, sessions", "relay", "throughput, × Postfix", "CPU per mail, × Postfix", "own CPU")
    for size, reuse, runs in measured(given.size or sorted(MAILS), given.pairs, lambda size: MAILS[size][given.quick]):
        for name in ("bare", "mailguard"):
            table.add_row(f"{shown(size)}, {'reused' if reuse else 'one a mail'}", name, *_ratios(runs, name))
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def _ratios(runs: Sequence[Run], name: str) -> Iterator[str]:
    """Medians of what each turn says; in brackets the lowest and highest."""
    mine = [run for run in runs if run.relay == name]
    peer = [run for run in runs if run.relay == "postfix"]
    for ratios in (
        [theirs.seconds / ours.seconds for ours, theirs in zip(mine, peer, strict=True)],
        [ours.cpu / theirs.cpu for ours, theirs in zip(mine, peer, strict=True)],
        [ours.own_cpu / theirs.own_cpu for ours, theirs in zip(mine, peer, strict=True)],
    ):
        yield f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


if __name__ == "__main__":
    main()
