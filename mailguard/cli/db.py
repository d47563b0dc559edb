"""`mailguard db`: bring the store up to date, check it, copy it: at its file, also beside a running service."""

import sys
from pathlib import Path

import click

from mailguard.cli.common import Context, Exit, bar, configured, say, verb
from mailguard.store.places import place


@click.group("db")
def command() -> None:
    """The store: bring it up to date, check it, copy it."""


@verb("migrate")
@click.pass_obj
def _migrate(context: Context) -> None:
    """Bring the store up to this version's schema, while no service runs.

    `serve` does the same at its start.
    """
    there = place(configured(context).store_url)
    before, after = there.migrate()
    how = "up to date already" if before == after else "new" if not before else f"brought up from schema {before}"
    say(f"{there.name}: {how}; its schema is {after}")


@verb("check")
@click.pass_obj
def _check(context: Context) -> None:
    """Check pages, every stored message and every recipient; read-only.

    Also while the service runs: then it is the state of this moment.
    """
    there = place(configured(context).store_url)
    with bar("checking", "mails") as progress:
        findings = list(there.check(progress))
    for finding in findings:
        click.echo(finding)
    if findings:
        say(f"{there.name}: {len(findings)} findings. Nothing was changed; keep a copy of the file before you do")
        sys.exit(Exit.FAILED)
    say(f"{there.name}: all is well")


@verb("backup")
@click.argument("target", type=click.Path(path_type=Path))
@click.pass_obj
def _backup(context: Context, target: Path) -> None:
    """Copy the store to TARGET, which must not exist.

    The service may run and goes on. A service that is started on the copy accepts mail, but sends nothing before
    `mailguard queue resume`.
    """
    there = place(configured(context).store_url)
    with bar("copying", "pages") as progress:
        there.backup(target, progress)
    say(f"{target}: a copy of {there.name}, {target.stat().st_size:,} bytes")


for _verb in (_migrate, _check, _backup):
    command.add_command(_verb)
