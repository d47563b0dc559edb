"""`python -m benchmarks.standby`: what a copy of the store costs, three ways, by the size of the store.

What is lost with the machine is at most the mail of --every and of one copy: tests/e2e/test_standby.py kills it.
"""

import argparse
import asyncio
import smtplib
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mailguard.clock import SystemClock
from mailguard.demo.world import OutsideWorld
from mailguard.store.sqlite.backup import backup
from tests.installed import Installed, install

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


async def main() -> None:
    """A table: megabytes, and the median seconds of three copies each way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standby")
    parser.add_argument("--mails", type=int, nargs="+", default=[2, 20, 100], help="of 5 MB, in the store")
    print("   MB   db standby   VACUUM INTO   sqlite3 .backup")
    world = OutsideWorld(SystemClock())
    await world.start()
    for mails in parser.parse_args().mails:
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
    await world.stop()


if __name__ == "__main__":
    asyncio.run(main())
