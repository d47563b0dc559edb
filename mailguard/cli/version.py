"""`mailguard version`."""

import platform

import click

from mailguard import __version__
from mailguard.cli.common import verb


@verb("version")
def command() -> None:
    """Print the version, and that of Python."""
    click.echo(f"mailguard {__version__} (Python {platform.python_version()})")
