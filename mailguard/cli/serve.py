"""`mailguard serve`: run the service until SIGTERM."""

import os
import sys

import click

from mailguard.cli.common import Context, Exit, fail, verb
from mailguard.directory import NothingKnown
from mailguard.errors import ConfigError, StoreBroken
from mailguard.service import serve


@verb("serve")
@click.pass_obj
def command(context: Context) -> None:
    """Run the relay, the delay queue and the pages.

    SIGHUP reads rules, people, users, listeners and certificates again; SIGTERM lets what is on the wire end.
    """
    try:
        sys.exit(serve(context.existing, os.environ))
    except NothingKnown as error:  # not for good: whoever starts services may try again
        fail(error, Exit.UNREACHABLE)
    except ConfigError as error:
        fail(error, Exit.CONFIG)
    except StoreBroken as error:
        fail(ConfigError(str(error)), Exit.FAILED)
    except OSError as error:  # a port in use, an address that isn't ours
        fail(ConfigError(f"cannot start: {error.strerror or error}"), Exit.FAILED)
