"""`mailguard demo`."""

import asyncio
import sys

import click

from mailguard.cli.common import Exit, say, verb
from mailguard.cli.packaged import default_rules
from mailguard.demo.run import once as play_once
from mailguard.demo.run import stay
from mailguard.demo.site import busy, ports

_HIGHEST = 65535 - 3


@verb("demo")
@click.option("--once", is_flag=True, help="Play the stories in seconds, print a line for each, and end.")
@click.option(
    "--port-base", type=click.IntRange(1024, _HIGHEST), metavar="N",
    help="Use ports N to N+3 for the relay, the outside world, the links and the caught mail "
    "[default: 2525, 2526, 8025, 8026].",
)  # fmt: skip
def command(once: bool, port_base: int | None) -> None:
    """Play the stories on this machine; nothing leaves it.

    A relay, a built-in outside world that catches what leaves, and links to press.
    """
    rules = default_rules()
    if once:
        sys.exit(asyncio.run(play_once(rules)))
    chosen = ports(port_base)
    if taken := busy(chosen.values()):
        say(
            f"error: in use on 127.0.0.1: {', '.join(map(str, taken))}. Stop what listens there, "
            f"or choose other ports: mailguard demo --port-base {_elsewhere()}"
        )
        sys.exit(Exit.FAILED)
    sys.exit(asyncio.run(stay(rules, chosen)))


def _elsewhere() -> int:
    """Where four ports in a row are free."""
    bases = (base for base in range(12525, _HIGHEST, 100) if not busy(ports(base).values()))
    return next(bases, 12525)
