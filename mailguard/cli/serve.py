"""`mailguard serve`: run the service until SIGTERM."""

import os
import sys

import click

from mailguard.cli.common import Context, Exit, fail, verb
from mailguard.directory.keeper import NothingKnown
from mailguard.errors import ConfigError, StoreBroken
from mailguard.workers import MOST, serve, supervise


@verb("serve")
@click.option(
    "--workers", type=click.IntRange(1, MOST), metavar="N",
    help="So many processes, which share the ports; one for each core. Only with a store in PostgreSQL.",
)  # fmt: skip
@click.option("--worker", type=int, default=0, hidden=True)
@click.pass_obj
def command(context: Context, workers: int | None, worker: int) -> None:
    """Run the relay, the delay queue and the pages.

    SIGHUP reads rules, people, users, listeners and certificates again; SIGTERM lets what is on the wire end.
    """
    try:
        if workers:
            sys.exit(supervise(context.existing, os.environ, workers))
        sys.exit(serve(context.existing, os.environ, worker=worker))
    except NothingKnown as error:  # not for good: whoever starts services may try again
        fail(error, Exit.UNREACHABLE)
    except ConfigError as error:
        fail(error, Exit.CONFIG)
    except StoreBroken as error:
        fail(ConfigError(str(error)), Exit.FAILED)
    except OSError as error:  # a port in use, an address that isn't ours
        fail(ConfigError(f"cannot start: {error.strerror or error}"), Exit.FAILED)
