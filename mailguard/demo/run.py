"""`mailguard demo`: a relay, the outside world, and the stories between them."""

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from mailguard.demo import site
from mailguard.demo.clock import HurriedClock
from mailguard.demo.live import watch
from mailguard.demo.page import caught_app
from mailguard.demo.screen import Scene
from mailguard.demo.stage import Stage, StoryError
from mailguard.demo.stories import STORIES, history
from mailguard.demo.world import OutsideWorld
from mailguard.service import Service
from mailguard.store.base import Filter
from mailguard.web.server import WebServer

SPEED = 300.0  # five minutes of the stories in a second


async def once(rules: Path) -> int:
    """Play every story to its end, without a terminal; 0 only if each ended as it must."""
    ports = {name: site.free_port() for name in ("smtp", "world", "web")}
    clock = HurriedClock(SPEED)
    failed = 0
    async with _stage(rules, ports, clock) as stage:
        await history(stage)
        for story in STORIES:
            try:
                line = await story.play(stage, await story.begin(stage))
            except StoryError as error:
                failed += 1
                line = f"FAILED: {error}"
            print(f"{story.number}. {story.title}: {line}", flush=True)
    return 1 if failed else 0


async def stay(rules: Path, ports: Mapping[str, int]) -> int:
    """Send the stories and stay up, to be tried with any mail client, until Ctrl-C."""
    clock = HurriedClock(SPEED, ago=timedelta(minutes=8))
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with _stage(rules, ports, clock) as stage:
        print("A few mails first, so that mailguard knows who belongs together …", file=sys.stderr)
        playing = asyncio.create_task(_play(stage, clock, ports))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((playing, stopped), return_when=asyncio.FIRST_COMPLETED)
        playing.cancel()
        stopped.cancel()
        (result, _) = await asyncio.gather(playing, stopped, return_exceptions=True)
        if isinstance(result, Exception):
            raise result
    print("The demo has ended. It leaves nothing behind.", file=sys.stderr)
    return 0


async def _play(stage: Stage, clock: HurriedClock, ports: Mapping[str, int]) -> None:
    """The past in a hurry and out of sight, then the stories in real time; until cancelled."""
    await history(stage)
    past = {mail.queue_id for mail in await stage.service.store.find(Filter(limit=100))}
    stage.world.caught.clear()
    clock.be_real()
    zone = ZoneInfo(stage.service.people.organization.zone)
    page = WebServer(caught_app(stage.world, zone), f"127.0.0.1:{ports['page']}")
    await page.start()
    try:
        sent = {queue_id: story.number for story in STORIES for queue_id in (await story.begin(stage)).values()}
        await watch(stage.service.store, clock, Scene(sent, past, ports))
    finally:
        await page.stop()


@contextlib.asynccontextmanager
async def _stage(rules: Path, ports: Mapping[str, int], clock: HurriedClock) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="mailguard-demo-") as name:
        folder = Path(name)
        world = OutsideWorld(clock, port=ports["world"])
        await world.start()
        with (folder / "mailguard.log").open("w") as log:
            service = Service(site.build(folder, rules, dict(ports)), clock, log)
            await service.start()
            try:
                yield Stage(service, world, clock)
            finally:
                await service.stop(drain=2.0)
                await world.stop()
