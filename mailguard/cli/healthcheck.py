"""`mailguard healthcheck`: is the service ready? For containers and scripts."""

import asyncio
import sys
from zoneinfo import ZoneInfo

import click

from mailguard.admin import client
from mailguard.cli.bypass import warn
from mailguard.cli.common import Context, Exit, configured, say, verb
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
        try:
            health = client.ask(socket, "health", timeout=5)
        except client.Unreachable as error:
            if clock.monotonic() >= end:
                say(f"error: {error}")
                sys.exit(Exit.UNREACHABLE)
        else:
            queue = ", ".join(f"{count} {state}" for state, count in health["queue"].items() if count)
            click.echo(f"ready; {queue or 'nothing queued'}" if health["ready"] else "not ready")
            warn(health, ZoneInfo(config.organization.zone))
            sys.exit(Exit.OK if health["ready"] else Exit.FAILED)
        asyncio.run(clock.sleep(0.1))
