"""The demo's clock: as time goes, and faster while minutes pass by."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from mailguard.demo.clock import HurriedClock


async def test_who_sleeps_while_minutes_pass_by_wakes_in_them() -> None:
    clock, began = HurriedClock(6000), time.monotonic()
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(clock.monotonic())

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper(240))
        group.create_task(sleeper(60))
        await asyncio.sleep(0)
        await clock.pass_by(5)
    assert [at >= due for at, due in zip(woken, (60, 240), strict=True)] == [True, True]
    assert time.monotonic() - began < 30
    assert clock.now() - datetime.now(UTC) > timedelta(minutes=4)


async def test_it_can_be_brought_back_to_the_real_time() -> None:
    clock = HurriedClock(6000, ago=timedelta(hours=1))
    before = clock.monotonic()
    clock.be_real()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=10)
    assert clock.monotonic() >= before, "the other clock never goes back"
