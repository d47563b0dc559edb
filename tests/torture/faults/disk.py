"""The disk is full: new mail is refused, what was accepted leaves, and all is well again when there is room."""

import asyncio
import hashlib
from collections.abc import Iterable
from unittest import mock

import aiosmtplib

from mailguard.demo.world import OutsideWorld
from mailguard.errors import StoreFull
from mailguard.records import Claim, State
from mailguard.store.base import Filter
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import FakeClock
from tests.flow.house import BOB, DELAY, House, LeapingClock, build, letter
from tests.installed import Installed
from tests.store.making import NO, body, claim, later, mail, settle
from tests.torture.fault import Trial, fault
from tests.torture.served import OUTSIDE, account, act, arrivals, emptied, end, events, installation, kill, rows
from tests.torture.shim import library
from tests.torture.small_disk import fill, small_disk

TAKEN, FULL = "250", "452 4.3.1"
WAYS = ("insert", "log", "checkpoint", "restart")


@fault(
    "disk full: at insert, as the log grows, at a checkpoint, over a restart",
    "new mail 452; what was accepted leaves, with its reports; recovers by itself",
    short=4,
    full=60,
    needs=("tmpfs",),
)
async def full(trial: Trial) -> None:
    way = WAYS[trial.number % len(WAYS)]
    with small_disk(trial.folder / "disk", trial.dice.randint(6, 40) << 20) as folder:
        clock = FakeClock()
        filler = await asyncio.to_thread(fill, folder, at_most=2 << 20)  # so that deleting it makes some room
        store = SqliteStore(folder / "mail.db", clock=clock)
        await store.open()
        kept = await _fill(store, trial, way)
        await asyncio.to_thread(fill, folder)
        if way == "restart":
            await store.close()
            await asyncio.to_thread(fill, folder)
            store = SqliteStore(folder / "mail.db", clock=clock)
            await store.open()
        await _refused(store)
        trial.accepted += len(kept)
        trial.lost += len(kept) - await _carried(store, kept)
        await _refused(store)
        await asyncio.to_thread(filler.unlink)
        await clock.advance(11)
        await store.put(mail("AFTER"), later())
        await store.close()


async def _fill(store: SqliteStore, trial: Trial, way: str) -> dict[str, bytes]:
    """Put mail until there is no room; what was acknowledged. Small mails, or large ones that make the log grow."""
    kept: dict[str, bytes] = {}
    size = {"insert": 2000, "log": 400_000, "checkpoint": 60_000, "restart": 20_000}[way]
    while True:
        queue_id = f"Q{len(kept)}"
        raw = trial.dice.randbytes(trial.dice.randint(1, size))
        try:
            await store.put(mail(queue_id, raw=raw), later())
        except StoreFull:
            return kept
        kept[queue_id] = raw
        if way == "checkpoint" and trial.dice.random() < 0.1:
            assert store._writer is not None
            await store._writer.run(_nothing)
            store._writer._logged = 1 << 30  # the next commit brings the log into the database
        if way == "insert" and len(kept) == 300:
            await asyncio.to_thread(fill, store.path.parent)


def _nothing(_db: object) -> None:
    pass


async def _refused(store: SqliteStore) -> None:
    try:
        await store.put(mail("NEW", raw=bytes(3 << 20)), later())
    except StoreFull as told:
        assert told.line.startswith("452 4.3.1 ")  # noqa: PT017 - the fault runs outside of pytest too
    else:
        raise AssertionError("there was room for 3 MB")


async def _carried(store: SqliteStore, kept: dict[str, bytes]) -> int:
    """Claim and settle all there is, every fifth as failed with a report; how many of `kept` ended, whole."""
    ended: set[str] = set()
    while claims := await claim(store, later(1), limit=20):
        for one in claims:
            ended |= await _carry(store, one, kept)
    found = {m.queue_id: m for m in await store.find(Filter(limit=100_000))}
    assert all(found[queue_id].deliveries[0].state in (State.SENT, State.FAILED) for queue_id in kept)
    return len(ended & kept.keys())


async def _carry(store: SqliteStore, one: Claim, kept: dict[str, bytes]) -> set[str]:
    queue_id = one.mail.queue_id
    assert hashlib.sha256(await body(store, queue_id)).digest() == one.mail.digest
    if queue_id in kept and int(queue_id[1:]) % 5 == 0:
        await settle(store, one, NO, later(1), reports=[mail(f"R{queue_id}", ["ann@corp.example"], raw=bytes(2000))])
    else:
        await settle(store, one, now=later(1))
    return {queue_id}


@fault(
    "disk full under a running service, before MAIL and in the middle of the mail",
    "452 4.3.1 to the client; what waits leaves; mail is taken again when there is room",
    short=1,
    full=10,
    needs=("tmpfs",),
)
async def served(trial: Trial) -> None:
    with small_disk(trial.folder / "disk", 24 << 20) as folder:
        clock = LeapingClock()
        world = OutsideWorld(clock)
        await world.start()
        store = f"sqlite://{folder}/mail.db"
        house = House(build(trial.folder / "house", world, rules=DELAY, config={"store": store}), world, clock)
        await house.start()
        try:
            await _service(trial, house)
        finally:
            await house.close()
            await world.stop()


async def _service(trial: Trial, house: House) -> None:
    before = await house.submit(letter())
    assert (before.code, before.text[:5]) == (452, "4.3.1"), "24 MB are below what is kept free"
    with mock.patch("mailguard.service.MIN_FREE", -(1 << 40)):
        waiting = [(await house.submit(letter(body="x" * 900))).queue_id for _ in range(trial.dice.randint(5, 20))]
        trial.accepted = len(waiting)
        filler = await asyncio.to_thread(fill, house.config.store_path.parent)
        answers = [await house.submit(letter(body="x\r\n" * 400_000), [BOB]) for _ in range(2)]
        assert {(answer.code, answer.text[:5]) for answer in answers} == {(452, "4.3.1")}
        await house.wait(minutes=6)
        trial.lost = sum(state != "sent" for state in await _states(house, waiting))
        await asyncio.to_thread(filler.unlink)
        await house.wait(minutes=1)
        assert (await house.submit(letter(), [BOB])).code == 250
        await house.quiet()
        await house.conserved()


async def _states(house: House, waiting: Iterable[str]) -> list[str]:
    return [state for queue_id in waiting for state in (await house.states(queue_id)).values()]


@fault(
    "the quota of the file system is used up (EDQUOT) under a running service, also over a restart or kill -9",
    "as a full disk: 452 4.3.1; what was accepted leaves; mail is taken again when there is more",
    short=1,
    full=16,
    needs=("cc",),
    seconds=120,
)
async def quota(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        disk, allowed = site.folder / "disk", trial.folder / "quota"
        disk.mkdir()
        site.config.write_text(site.config.read_text().replace("sqlite:mail.db", "sqlite:disk/mail.db"))
        total = trial.dice.randint(34, 80 if trial.number % 4 == 3 else 50) << 20  # of them 32 are kept aside
        allowed.write_text(str(total))
        watched = {"LD_PRELOAD": library(), "SHIM_FOLDER": str(disk), "SHIM_QUOTA": str(allowed)}
        await asyncio.to_thread(site.start, **watched)
        kept = await _until_refused(trial, site)
        used = sum(path.stat().st_size for path in disk.iterdir())
        allowed.write_text(str(used))  # another program of the same user takes the rest
        if trial.number // 4 % 2:
            await (kill(trial, site) if trial.number // 8 % 2 else end(site))
            await asyncio.to_thread(site.start, **watched)
        await act(site, "send", [row["queue_id"] for row in await rows(site)])
        await emptied(site)
        if trial.number % 2:
            assert await _submit(site, "<more@corp.example>", 30 << 20) == FULL
        allowed.write_text(str(total * 2))
        await asyncio.sleep(10.1 if trial.number % 2 else 0)  # so often it looks whether there is room
        kept["<after@corp.example>"] = 3 << 20
        assert await _submit(site, "<after@corp.example>", 3 << 20) == TAKEN
        await act(site, "send", [row["queue_id"] for row in await rows(site)])
        await emptied(site)
        account(trial, kept.keys(), arrivals(sink))
        arrived = {str(mail.message["Message-ID"]): len(mail.raw) for mail in sink.caught if not mail.is_notice}
        assert all(arrived[name] > size for name, size in kept.items()), "not all of it"
        assert not events(site, "service.failure")
        assert await end(site) == 0


async def _until_refused(trial: Trial, site: Installed) -> dict[str, int]:
    """Small mails, or large ones that make the log grow, until there is no room: what was taken, and its size."""
    kept: dict[str, int] = {}
    most = (400_000, 3_000, 60_000, 30 << 20)[trial.number % 4]
    if most == 3_000:  # or it would take minutes
        while await _submit(site, name := f"<large{len(kept)}@corp.example>", 1 << 20) == TAKEN:
            kept[name] = 1 << 20
    while True:
        name, size = f"<q{len(kept)}@corp.example>", trial.dice.randint(1, most)
        if (said := await _submit(site, name, size)) != TAKEN:
            assert said == FULL, said
            return kept
        kept[name] = size


async def _submit(site: Installed, name: str, size: int) -> str:
    """The answer to a mail of at least so many bytes, without its words."""
    text = ("x" * 78 + "\r\n") * (size // 80 + 1)
    raw = letter(to=OUTSIDE, Message_ID=name, body=text)
    try:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=site.ports["plain"], start_tls=False) as client:
            await client.sendmail("ann@corp.example", [OUTSIDE], raw)
    except aiosmtplib.SMTPResponseException as error:
        return f"{error.code} {error.message[:5]}"
    return TAKEN
