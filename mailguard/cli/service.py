"""Asking the running service, with the exit codes a script can rely on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mailguard.admin.client import Refused, Unreachable
from mailguard.cli.common import Exit, say


def paused(reason: str) -> str:
    """What a person must know before anything else."""
    return f"sending is paused: {reason}. Mail is accepted, none is sent until `mailguard queue resume`"


@contextmanager
def asking(refused: str = "error") -> Iterator[None]:
    """Unreachable → 69, refused → 1, each with its words."""
    try:
        yield
    except Unreachable as error:
        say(f"error: {error}")
        sys.exit(Exit.UNREACHABLE)
    except Refused as error:
        say("\n".join([*error.problems, f"{refused}: {error}"]))
        sys.exit(Exit.FAILED)
