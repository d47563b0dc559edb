"""The store's place is not as it should be: clear words, exit code 78, nothing deleted; 451 where a service runs."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailguard.demo.world import OutsideWorld
from mailguard.errors import StoreBroken, TemporaryFailure
from mailguard.records import State
from mailguard.store.sqlite import SqliteStore
from tests.flow.house import BOB, DELAY, KIM, House, LeapingClock, build, letter
from tests.installed import COMMAND, install
from tests.store.making import NOW, mail
from tests.torture.fault import Trial, fault
from tests.torture.small_disk import remount, small_disk


@contextmanager
def foreign_lock(path: Path) -> Iterator[None]:
    """Another program in the middle of writing our file."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        db.close()


@fault(
    "at the start: folder missing, read-only mount, locked by a mailguard, locked by another program",
    "exit code 78, what is wrong and what to do in words, the file as it was",
    short=1,
    full=5,
    needs=("tmpfs",),
    seconds=120,
)
async def start(trial: Trial) -> None:
    made = await asyncio.to_thread(install, trial.folder, 9)
    with small_disk(trial.folder / "disk", 32 << 20) as folder:
        path = folder / "mail.db"
        text = made.config.read_text().replace("store: sqlite:mail.db", f"store: sqlite://{path}")
        made.config.write_text(text.replace(f"{path}", f"{folder}/nowhere/mail.db"))
        assert "does not exist: create it" in await _refused(made.config)
        made.config.write_text(text)
        store = SqliteStore(path)
        await store.open()
        await store.put(mail(), NOW)
        assert "is in use by process" in await _refused(made.config)
        await store.close()
        before = await asyncio.to_thread(path.read_bytes)
        remount(folder, "ro")
        assert "writ" in await _refused(made.config)
        remount(folder, "rw")
        with foreign_lock(path):
            assert "in use by another program" in await _refused(made.config)
        assert await asyncio.to_thread(path.read_bytes) == before


async def _refused(config: Path) -> str:
    command = (str(COMMAND), "--config", str(config), "serve")
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode == 78, said
    assert b"Traceback" not in said, said
    return said.decode()


@fault(
    "while it runs: locked by another program, or bits flipped in its pages",
    "451 and accepted again later; damaged mail is never sent and never deleted",
    short=2,
    full=40,
)
async def running(trial: Trial) -> None:
    clock = LeapingClock()
    world = OutsideWorld(clock)
    await world.start()
    house = House(build(trial.folder / "house", world, rules=DELAY), world, clock)
    await house.start()
    try:
        waiting = [await house.send(body=str(trial.dice.random()) * 500) for _ in range(trial.dice.randint(2, 10))]
        await house.quiet()
        await (_locked if trial.number % 2 == 0 else _flipped)(trial, house, waiting)
    finally:
        await house.close()
        await world.stop()


async def _locked(trial: Trial, house: House, waiting: list[str]) -> None:
    writer = house.service.store._writer
    assert writer is not None
    writer._db.execute("PRAGMA busy_timeout = 200")  # else five seconds
    with foreign_lock(house.config.store_path):
        answer = await house.submit(letter(), [BOB])
        assert (answer.code, answer.text[:5]) == (451, "4.3.0")
    waiting.append(await house.send())
    await house.wait(minutes=6)
    trial.accepted = len(waiting)
    ended = [set((await house.states(queue_id)).values()) for queue_id in waiting]
    trial.lost = sum(states != {State.SENT} for states in ended)
    await house.conserved()


async def _flipped(trial: Trial, house: House, waiting: list[str]) -> None:
    path = house.config.store_path
    store = house.service.store
    originals = {_text(b"".join([piece async for piece in store.body(queue_id)])) for queue_id in waiting}
    await house.restart()  # the log is in the database now, and no page is in a cache
    size = path.stat().st_size
    await asyncio.to_thread(_flip, path, trial.dice)
    with contextlib.suppress(StoreBroken, TemporaryFailure, AssertionError):  # broken, so never quiet
        await house.wait(minutes=6)
    for caught in house.arrived(KIM):
        assert _text(caught.raw) in originals, "damaged mail was sent"
    trial.accepted = len(waiting)
    assert path.stat().st_size >= size
    with contextlib.suppress(StoreBroken):  # it has stopped, or does so now: nothing more is sent, the file is kept
        trial.lost = sum([await house.service.store.get(queue_id) is None for queue_id in waiting])


def _text(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


def _flip(path: Path, dice: random.Random) -> None:
    with path.open("r+b") as file:
        for _ in range(dice.randint(1, 60)):
            at = dice.randrange(8192, path.stat().st_size)
            file.seek(at)
            old = file.read(1)[0]
            file.seek(at)
            file.write(bytes([old ^ 1 << dice.randrange(8)]))
