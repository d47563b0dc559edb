"""`mailguard db`: bring the store up to date, check it, copy it: at its file, also beside a running service."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mailguard.cli.common import Context, Exit, configured, say, verb
from mailguard.store.sqlite import backup, check, migrate


@click.group("db")
def command() -> None:
    """The store's file: bring it up to date, check it, copy it."""


@verb("migrate")
@click.pass_obj
def _migrate(context: Context) -> None:
    """Bring the file up to this version's schema, while no service runs.

    `serve` does the same at its start.
    """
    path = configured(context).store_path
    before, after = migrate(path)
    how = "up to date already" if before == after else "new" if not before else f"brought up from schema {before}"
    say(f"{path}: {how}; its schema is {after}")


@verb("check")
@click.pass_obj
def _check(context: Context) -> None:
    """Check pages, every stored message and every recipient; read-only.

    Also while the service runs: then it is the state of this moment.
    """
    path = configured(context).store_path
    with _bar("checking", "mails") as progress:
        findings = list(check(path, progress))
    for finding in findings:
        click.echo(finding)
    if findings:
        say(f"{path}: {len(findings)} findings. Nothing was changed; keep a copy of the file before you do")
        sys.exit(Exit.FAILED)
    say(f"{path}: all is well")


@verb("backup")
@click.argument("target", type=click.Path(path_type=Path))
@click.pass_obj
def _backup(context: Context, target: Path) -> None:
    """Copy the store to TARGET, which must not exist.

    The service may run and goes on. A service that is started on the copy accepts mail, but sends nothing before
    `mailguard queue resume`.
    """
    path = configured(context).store_path
    with _bar("copying", "pages") as progress:
        backup(path, target, progress)
    say(f"{target}: a copy of {path}, {target.stat().st_size:,} bytes")


for _verb in (_migrate, _check, _backup):
    command.add_command(_verb)


@contextmanager
def _bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal; on anything else nothing."""
    console = Console(stderr=True)
    hidden = not console.is_terminal
    columns = (TextColumn(what), BarColumn(), TextColumn(f"{{task.completed:,}} of {{task.total:,}} {unit}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(what, total=0)
        yield lambda done, total: bar.update(task, completed=done, total=total)
