"""The demo while it runs: the screen drawn anew twice a second, or without a terminal a line for every change."""

import sys

from rich.console import Console
from rich.live import Live

from mailguard.clock import Clock
from mailguard.demo.screen import Scene, changed, draw, places
from mailguard.records import Kind, Mail, State
from mailguard.store.base import Filter, Store

_PAUSE = 0.5  # seconds


async def watch(store: Store, clock: Clock, scene: Scene) -> None:
    """Until cancelled."""
    console = Console()
    if not console.is_terminal:
        await _print_changes(store, clock, scene)
        return
    # the other screen of the terminal: what stood there before is there again afterwards
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            size = console.size
            mails = await _mails(store, scene)
            live.update(draw(scene, mails, clock.now(), size.width, size.height), refresh=True)
            await clock.sleep(_PAUSE)


async def _mails(store: Store, scene: Scene) -> list[Mail]:
    """Oldest first; the past is not shown."""
    found = await store.find(Filter(limit=100))
    return [mail for mail in reversed(found) if mail.kind is Kind.MAIL and mail.queue_id not in scene.past]


async def _print_changes(store: Store, clock: Clock, scene: Scene) -> None:
    for what, where, why in places(scene.ports):
        print(f"{what:6} {where}  {why}".rstrip(), file=sys.stderr)
    seen: dict[str, State] = {}
    while True:
        for mail in await _mails(store, scene):
            if seen.get(mail.queue_id) is not mail.state:
                seen[mail.queue_id] = mail.state
                print(changed(mail, clock.now()), flush=True)
        await clock.sleep(_PAUSE)
