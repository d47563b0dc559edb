"""The write-ahead log is cut short behind a killed service's back: SQLite alone would go on without what was in it."""

import asyncio
import random
from collections.abc import Callable, Set
from pathlib import Path

from mailguard.demo.world import OutsideWorld
from mailguard.store.sqlite import check
from mailguard.testing import eventually
from tests.installed import Installed
from tests.torture.fault import Trial, fault
from tests.torture.served import (
    OUTSIDE,
    Load,
    account,
    act,
    arrivals,
    database,
    emptied,
    end,
    installation,
    kill,
    rows,
    start,
    tell,
)

_HEAD, _FRAME = 32, 24 + 8192

_CUTS: dict[str, Callable[[int, random.Random], int]] = {
    "to nothing": lambda _frames, _dice: 0,
    "inside a frame": lambda frames, dice: _border(dice.randrange(frames)) + dice.randrange(1, _FRAME),
    "at a frame's border": lambda frames, dice: _border(dice.randrange(frames)),
    "inside its head": lambda _frames, dice: dice.randrange(1, _HEAD),
    "inside its last frame": lambda frames, dice: _border(frames - 1) + dice.randrange(1, _FRAME),
}


def _border(frames: int) -> int:
    return _HEAD + frames * _FRAME


@fault(
    "kill -9, then the log is cut: to nothing, inside its head or a frame, at a frame's border",
    "all that was acknowledged is there; or nothing leaves until resume, and then once; nothing is half",
    short=1,
    full=40,
    seconds=120,
)
async def cut(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        acknowledged = await _life(site)
        if trial.number % 2:  # the log begins anew, beside a database that has mail in it
            await end(site)
            acknowledged |= await _life(site)
        await kill(trial, site)
        sent = arrivals(sink)
        how = list(_CUTS)[trial.number // 2 % len(_CUTS)]
        await asyncio.to_thread(_cut, database(site), _CUTS[how], trial.dice)
        await start(site)
        kept = {row["message_id"] for row in await rows(site)}
        await act(site, "send", [row["queue_id"] for row in await rows(site)])
        missing = acknowledged - kept - sent.keys()
        if (await tell(site, "health"))["paused"]:
            trial.note = f"one log lost {len(missing)} of {len(acknowledged)} mails, and it was noticed"
            await _resumed(site, sink, sent.keys())
            acknowledged -= missing
        await emptied(site)
        account(trial, acknowledged, arrivals(sink))
        assert all(b"x" * 400 + b"\r\n" + b"y" * 400 in mail.raw for mail in sink.caught if not mail.is_notice)
        assert await asyncio.to_thread(lambda: list(check(database(site), lambda _done, _of: None))) == []
        assert await end(site) == 0


async def _life(site: Installed) -> set[str]:
    """Started, with mail that left, mail that waits and nothing on the wire; who was acknowledged."""
    await start(site)
    inside, outside = Load(site.ports["plain"]), Load(site.ports["plain"], OUTSIDE)
    running = [asyncio.create_task(load.run(2)) for load in (inside, outside)]
    for load in (inside, outside):
        await load.more(10)
        load.stopped = True
    await asyncio.gather(*running)

    async def left() -> bool:
        waiting = {row["message_id"] for row in await rows(site)}
        return inside.acknowledged.isdisjoint(waiting) and not await rows(site, "sending")

    await eventually(left, within=30)
    return inside.acknowledged | outside.acknowledged


def _cut(path: Path, where: Callable[[int, random.Random], int], dice: random.Random) -> None:
    with path.with_name(f"{path.name}-wal").open("r+b") as file:
        frames = (file.seek(0, 2) - _HEAD) // _FRAME
        file.truncate(where(frames, dice))


async def _resumed(site: Installed, sink: OutsideWorld, sent: Set[str]) -> None:
    """Nothing left though it was due. As the manual says: take back what left before, then resume."""
    assert set(arrivals(sink)) == sent, "it sent something"
    await act(site, "cancel", [row["queue_id"] for row in await rows(site) if row["message_id"] in sent])
    assert (await tell(site, "resume"))["resumed"]
