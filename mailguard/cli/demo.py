"""`mailguard demo`."""

import asyncio
import sys

import click

from mailguard.cli.common import Exit, say, verb
from mailguard.cli.packaged import default_rules
from mailguard.demo.run import once as play_once
from mailguard.demo.run import stay


@verb("demo")
@click.option("--once", is_flag=True, help="Play the stories in seconds, print a line for each, and end.")
def command(once: bool) -> None:
    """Show the stories on this machine: a relay, a built-in outside world, and links to press."""
    rules = default_rules()
    try:
        sys.exit(asyncio.run(play_once(rules) if once else stay(rules)))
    except OSError as error:
        say(f"error: {error.strerror or error}: are the ports 2525, 2526, 8025 and 8026 free?")
        sys.exit(Exit.FAILED)
