"""`mailguard healthcheck`: is the service ready? For containers and scripts."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import click

from mailguard.admin import client
from mailguard.cli.bypass import warn
from mailguard.cli.common import Context, Exit, configured, say, verb
from mailguard.cli.service import paused
from mailguard.clock import SystemClock


@verb("healthcheck")
@click.option("--wait", default=0.0, metavar="SECONDS", help="Go on asking for this long before giving up.")
@click.pass_obj
def command(context: Context, wait: float) -> None:
    """Ask the running service whether it is ready.

    Exit code 0 if so, 69 if nobody answers.
    """
    config = configured(context)
    socket = config.socket_path
    clock = SystemClock()
    end = clock.monotonic() + wait
    while True:
        late = clock.monotonic() >= end
        try:
            health = client.ask(socket, "health", timeout=5)
        except client.Unreachable as error:
            if late:
                say(f"error: {error}")
                sys.exit(Exit.UNREACHABLE)
        else:
            if health["ready"] or late:
                warn(health, ZoneInfo(config.organization.zone))
                _tell(health)
        asyncio.run(clock.sleep(0.1))


def _tell(health: Mapping[str, Any]) -> NoReturn:
    if health["paused"]:
        say(paused(health["paused"]))
    if len({node.get("rules") for node in health["nodes"]}) > 1:
        lives = ", ".join(f"{node['name']} {node.get('rules', '')[:12]}" for node in health["nodes"])
        say(f"warning: not every node has the same rules: {lives}; `mailguard reload` after their files are the same")
    queue = ", ".join(f"{count} {state}" for state, count in health["queue"].items() if count)
    click.echo(f"ready; {queue or 'nothing queued'}" if health["ready"] else "not ready")
    sys.exit(Exit.OK if health["ready"] else Exit.FAILED)
