"""`mailguard demo`: a relay, the outside world, and the stories between them."""

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from mailguard.demo import site
from mailguard.demo.clock import HurriedClock
from mailguard.demo.live import watch
from mailguard.demo.page import caught_app
from mailguard.demo.stage import Stage, StoryError
from mailguard.demo.stories import STORIES, history
from mailguard.demo.world import OutsideWorld
from mailguard.service import Service
from mailguard.web import WebServer

SPEED = 60.0  # a minute of the stories in a second
PAGE = 8026


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


async def stay(rules: Path) -> int:
    """Send the stories and stay up, to be tried with any mail client, until Ctrl-C."""
    clock = HurriedClock(SPEED, ago=timedelta(minutes=8))
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with _stage(rules, {"smtp": 2525, "world": 2526, "web": 8025}, clock) as stage:
        print("A few mails first, so that mailguard knows who belongs together …", file=sys.stderr)
        await history(stage)
        clock.be_real()
        page = WebServer(caught_app(stage.world), f"127.0.0.1:{PAGE}")
        await page.start()
        sent = {queue_id: story.number for story in STORIES for queue_id in (await story.begin(stage)).values()}
        places = (
            f"caught mail and notices: http://127.0.0.1:{PAGE}   outbox: http://127.0.0.1:8025/outbox   "
            "send your own mail to 127.0.0.1:2525 as ann@corp.example   Ctrl-C ends it"
        )
        watching = asyncio.create_task(watch(stage.service.store, clock, sent, places))
        await stop.wait()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await page.stop()
    return 0


@contextlib.asynccontextmanager
async def _stage(rules: Path, ports: dict[str, int], clock: HurriedClock) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="mailguard-demo-") as name:
        folder = Path(name)
        world = OutsideWorld(clock, port=ports["world"])
        await world.start()
        with (folder / "mailguard.log").open("w") as log:
            service = Service(site.build(folder, rules, ports), clock, log)
            await service.start()
            try:
                yield Stage(service, world, clock)
            finally:
                await service.stop(drain=2.0)
                await world.stop()
