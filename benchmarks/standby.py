"""`python -m benchmarks.standby`: what a copy of the store costs, three ways, and how much mail is not in it.

The second table is of a machine that goes away: service and copier are killed at a random moment under load, and every
mail that was answered with 250 before is looked for in the copy.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import smtplib
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mailguard.clock import SystemClock
from mailguard.demo.world import OutsideWorld
from mailguard.store.sqlite.backup import backup
from tests.installed import COMMAND, Installed, install

_BODY = ("x" * 76 + "\r\n") * 65_536  # 5 MB


def _fill(installed: Installed, mails: int) -> None:
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=120) as session:
        for number in range(mails):
            head = f"From: ann@corp.example\r\nTo: kim@client.example\r\nMessage-ID: <{number}@x>\r\n\r\n"
            session.sendmail("ann@corp.example", ["kim@client.example"], head + _BODY)


def _seconds(copy: Callable[[Path], object], target: Path) -> float:
    began = time.perf_counter()
    copy(target)
    taken = time.perf_counter() - began
    target.unlink()
    return taken


def _size(store: Path) -> int:
    """With its log."""
    return sum(file.stat().st_size for file in (store, store.with_name("mail.db-wal")))


def _vacuum(store: Path, target: Path) -> None:
    db = sqlite3.connect(store)
    db.execute("VACUUM INTO ?", (str(target),))
    db.close()


@dataclass(frozen=True)
class Loss:
    """Of one kill: mails answered with 250 that the copy has not, of how many, and how long before the oldest was."""

    mails: int
    of: int
    seconds: float


def _copier(name: str, installed: Installed, copy: Path, every: float) -> subprocess.Popen[bytes]:
    if name == "db standby":
        return subprocess.Popen(
            [COMMAND, "--config", installed.config, "db", "standby", copy, "--every", f"{every:g}s"],
            stderr=subprocess.DEVNULL,
        )
    once = f"sqlite3 '{installed.folder}/mail.db' '.timeout 5000' '.backup {copy}.new' && mv '{copy}.new' '{copy}'"
    return subprocess.Popen(["bash", "-c", f"while {once}; do sleep {every:g}; done"], start_new_session=True)


def _load(installed: Installed, rate: float, answered: dict[str, float]) -> None:
    """Until the service is gone: when each mail was answered, by its queue id."""
    chance, number = random.Random(1), 0
    gone = contextlib.suppress(smtplib.SMTPException, OSError)
    with gone, smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=20) as session:
        session.ehlo()
        while True:
            number += 1
            session.mail("ann@corp.example")
            session.rcpt("kim@client.example")
            head = f"From: ann@corp.example\r\nTo: kim@client.example\r\nMessage-ID: <load{number}@x>\r\n\r\n"
            code, reply = session.data(head + "x" * 2_000)
            if code == 250:
                answered[reply.decode().split(" as ")[1].split()[0]] = time.monotonic()
            time.sleep(chance.expovariate(rate))


def _kill(name: str, folder: Path, sink: int, mails: int, every: float, after: float, rate: float) -> Loss:
    """One machine, from its start to its end."""
    installed, copy, answered = install(folder, sink), folder / "copy.db", dict[str, float]()
    installed.start()
    _fill(installed, mails)
    copier = _copier(name, installed, copy, every)
    while not copy.exists():
        time.sleep(0.05)
    client = threading.Thread(target=_load, args=(installed, rate, answered))
    client.start()
    time.sleep(after)
    assert installed.process is not None
    gone = time.monotonic()
    installed.process.send_signal(signal.SIGKILL)
    if name == "db standby":
        copier.kill()
    else:
        os.killpg(copier.pid, signal.SIGKILL)
    installed.process.wait()
    copier.wait()
    client.join()
    with contextlib.closing(sqlite3.connect(copy)) as db:
        there = {row[0] for row in db.execute("SELECT queue_id FROM mail")}
    lost = [at for queue_id, at in answered.items() if queue_id not in there and at <= gone]
    return Loss(len(lost), len(answered), gone - min(lost, default=gone))


def _losses(rounds: int, mails: int, every: float, rate: float, sink: int) -> None:
    """Kills in turn, so that a busy minute is everybody's."""
    chance, found = random.Random(8), {"db standby": list[Loss](), "sqlite3 .backup": list[Loss]()}
    for _ in range(rounds):
        after = 3.0 + chance.random() * 2 * every
        for name, losses in found.items():
            with tempfile.TemporaryDirectory() as folder:
                losses.append(_kill(name, Path(folder), sink, mails, every, after, rate))
    print(f"\n{rounds} kills each, a look every {every:g} s, {rate:g} mails a second, {mails * 5} MB before")
    print("                   seconds lost   median    max   mails lost of answered")
    for name, losses in found.items():
        seconds = [loss.seconds for loss in losses]
        print(
            f"{name:<31} {statistics.median(seconds):7.1f} {max(seconds):6.1f}   "
            f"{sum(loss.mails for loss in losses):5} of {sum(loss.of for loss in losses)}"
        )


async def main() -> None:
    """Two tables: megabytes, and the median seconds of three copies each way; what is lost with the machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standby")
    parser.add_argument(
        "--mails", type=int, nargs="*", default=[2, 20, 100], help="of 5 MB, in the store; none: no copies"
    )
    parser.add_argument("--kills", type=int, default=10, help="0: none")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two looks, when killed")
    parser.add_argument("--rate", type=float, default=20.0, help="mails a second, when killed")
    parser.add_argument("--before", type=int, default=10, help="mails of 5 MB in the store that is killed")
    asked = parser.parse_args()
    world = OutsideWorld(SystemClock())
    await world.start()
    if asked.mails:
        await _costs(world, asked.mails)
    if asked.kills:
        await asyncio.to_thread(_losses, asked.kills, asked.before, asked.every, asked.rate, world.port)
    await world.stop()


async def _costs(world: OutsideWorld, sizes: list[int]) -> None:
    print("   MB   db standby   VACUUM INTO   sqlite3 .backup")
    for mails in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            installed = await asyncio.to_thread(install, folder, world.port)
            await asyncio.to_thread(installed.start)
            await asyncio.to_thread(_fill, installed, mails)
            store, target = folder / "mail.db", folder / "copy.db"
            ways: list[Callable[[Path], object]] = [
                lambda to, store=store: backup(store, to, lambda *_: None, renew=True),  # type: ignore[misc]
                lambda to, store=store: _vacuum(store, to),  # type: ignore[misc]
                lambda to, store=store: subprocess.run(["sqlite3", store, f".backup {to}"], check=True),  # type: ignore[misc]
            ]
            times = [sorted(_seconds(way, target) for _ in range(3))[1] for way in ways]
            size = _size(store)
            print(f"{size / 1e6:5.0f}   {times[0]:10.2f}   {times[1]:11.2f}   {times[2]:15.2f}")
            await asyncio.to_thread(installed.end)


if __name__ == "__main__":
    asyncio.run(main())
