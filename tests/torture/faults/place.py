"""The store's place is not as it should be: clear words, exit code 78, nothing deleted; 451 where a service runs."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mailguard.demo.world import OutsideWorld
from mailguard.errors import StoreBroken, TemporaryFailure
from mailguard.records import State
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import eventually
from tests.flow.house import BOB, DELAY, KIM, House, LeapingClock, build, letter
from tests.installed import Installed, install
from tests.store.making import NOW, mail
from tests.torture import served
from tests.torture.fault import Trial, fault
from tests.torture.faults.broken import client
from tests.torture.served import account, arrivals, emptied, end, installation, tell
from tests.torture.shim import library
from tests.torture.small_disk import failing_disk, remount, small_disk


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
        assert "does not exist: create it" in await _refused(made)
        made.config.write_text(text)
        store = SqliteStore(path)
        await store.open()
        await store.put(mail(), NOW)
        assert "is in use by process" in await _refused(made)
        await store.close()
        before = await asyncio.to_thread(path.read_bytes)
        remount(folder, "ro")
        assert "its file system is read-only" in await _refused(made)
        remount(folder, "rw")
        with foreign_lock(path):
            assert "in use by another program" in await _refused(made)
        assert await asyncio.to_thread(path.read_bytes) == before


async def _refused(site: Installed, **environ: str) -> str:
    if environ:  # the shim is loaded together with a program
        await asyncio.to_thread(site.launch, **environ)
    else:
        await served.launch(site)
    assert site.process is not None
    code = await asyncio.to_thread(site.process.wait, 30)
    site.process = None
    said = site.logs[-1].read_text()
    assert code == 78, said
    assert "Traceback" not in said, said
    return said


_READ_ONLY = "451 or 421, exit code 1, nothing deleted; 78 until it can write; then all is there and leaves"
# What was on the wire comes twice: its outcome could not be written down.


@fault("while it runs: nothing can be written any more (EROFS)", _READ_ONLY, full=20, needs=("cc",), seconds=120,
       at_the_dot=True)  # fmt: skip
async def read_only(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        disk, now = site.folder / "disk", trial.folder / "readonly"
        disk.mkdir()
        watched = {"LD_PRELOAD": library(), "SHIM_FOLDER": str(disk), "SHIM_READONLY": str(now)}
        await _until_it_ends(trial, site, sink, watched, now.touch, now.unlink)


@fault("while it runs: the kernel meets an error on its ext4 and makes it read-only", _READ_ONLY, short=0, full=10,
       needs=("loop",), seconds=120, at_the_dot=True)  # fmt: skip
async def remounted(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        with failing_disk(site.folder / "disk") as disk:
            await _until_it_ends(trial, site, sink, {}, disk.fail, disk.mend)


async def _until_it_ends(
    trial: Trial,
    site: Installed,
    sink: OutsideWorld,
    environ: dict[str, str],
    fail: Callable[[], None],
    mend: Callable[[], None],
) -> None:
    site.config.write_text(site.config.read_text().replace("sqlite:mail.db", "sqlite:disk/mail.db"))
    await asyncio.to_thread(site.start, **environ)
    acknowledged: set[str] = set()
    told: set[int] = set()
    clients = [asyncio.create_task(client(site.ports["plain"], n, acknowledged, told)) for n in range(4)]
    enough = trial.dice.randint(1, 8)
    await eventually(lambda: len(acknowledged) >= enough, within=30)
    before = {path.name for path in (site.folder / "disk").iterdir()}
    await asyncio.to_thread(fail)
    assert site.process is not None
    assert await asyncio.to_thread(site.process.wait, 40) == 1
    site.process = None
    await asyncio.gather(*clients)
    assert told <= {421, 451}, told
    assert before == {path.name for path in (site.folder / "disk").iterdir()}
    assert "its file system is read-only" in await _refused(site, **environ)
    await asyncio.to_thread(mend)
    await served.start(site)
    await eventually(lambda: acknowledged <= arrivals(sink).keys(), within=30)
    await emptied(site)
    account(trial, acknowledged, arrivals(sink))
    assert not (await tell(site, "health"))["paused"]
    assert await end(site) == 0


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
    assert isinstance(house.service.store, SqliteStore)
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
    leaving = asyncio.create_task(house.wait(minutes=6))
    await eventually(lambda: leaving.done() or house.service.failed, within=20)
    await eventually(lambda: not house.service.scheduler._tasks)  # broken, so never quiet
    leaving.cancel()
    with contextlib.suppress(StoreBroken, TemporaryFailure, AssertionError, asyncio.CancelledError):
        await leaving
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
