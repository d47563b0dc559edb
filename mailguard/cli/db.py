"""`mailguard db`: bring the store up to date, check it, copy it: at its file, also beside a running service."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailguard.cli.common import Context, Exit, bar, configured, say, span, table, verb
from mailguard.clock import SystemClock
from mailguard.document.units import short
from mailguard.errors import ConfigError
from mailguard.store.places import place
from mailguard.store.settings import is_postgres, sqlite_path, store_url

if TYPE_CHECKING:
    from mailguard.store.moving.move import Copied


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
    config = configured(context)
    there = place(config.store_url, config.encryption)
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


@verb("standby")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--every", callback=span, default="10s", show_default=True, help="How often to look for what is new.")
@click.option("--once", is_flag=True, help="One copy, and end.")
@click.pass_obj
def _standby(context: Context, target: Path, every: timedelta, once: bool) -> None:
    """Keep TARGET a copy of the store that is never much older than --every.

    TARGET is a file on the other machine's disk, mounted here. A service started on it accepts mail and sends nothing
    before `mailguard queue resume`; from then on this command leaves it alone.
    """
    config, clock = configured(context), SystemClock()
    if is_postgres(config.store):
        raise ConfigError("a store in PostgreSQL has a standby of PostgreSQL's own (docs/operating.md)")
    there, before = place(config.store_url), ""
    while True:
        now = _stamp(config.store_path)
        if now != before:
            began = clock.monotonic()
            there.backup(target, lambda *_: None, renew=True)
            if not before:
                took = clock.monotonic() - began
                say(f"{target}: a copy of {there.name}, made in {took:.1f} s; looked at every {short(every)}")
            before = now
        if once:
            return
        asyncio.run(clock.sleep(max(every.total_seconds(), 0.1)))


def _stamp(path: Path) -> str:
    """Changes with every commit."""
    found = [file.stat() for file in (path, path.with_name(f"{path.name}-wal")) if file.exists()]
    return " ".join(f"{one.st_mtime_ns} {one.st_size}" for one in found)


def _url(_: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        url = store_url(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if is_postgres(url) != (parameter.name == "target"):
        raise click.BadParameter("mail is copied out of sqlite:… into postgresql:…, and in no other direction")
    return url


class _Watch:
    """As `move.Watch`."""

    def copying(self) -> AbstractContextManager[Callable[[int, int], None]]:
        return bar("copying", "rows")

    def in_step(self, copied: "Copied") -> None:
        say(
            f"in step ({copied.changed:,} rows differed) but for what the service does meanwhile: stop it now, "
            f"what is left follows in about {copied.seconds:.1f} s. Ctrl-C ends the copying instead"
        )


@verb("copy")
@click.argument("source", callback=_url)
@click.argument("target", callback=_url)
@click.option("--once", is_flag=True, help="Beside a running service: copy what there is, and don't wait for its end.")
@click.option("--undo", is_flag=True, help="Take a moved store back: a service may start on SOURCE again.")
def _copy(source: str, target: str, once: bool, undo: bool) -> None:
    """Move the store SOURCE (sqlite:FILE) into TARGET (postgresql:…), which is empty.

    Begin while the service runs: nothing stops. When it says so, stop the service; what is left follows in about the
    time of a pass, every table is compared, and SOURCE is marked: `serve` refuses it. Then name TARGET as `store:` and
    start. Broken off at any moment it goes on when it is run again.
    """
    where = place(target)  # says what is not installed
    from mailguard.store.moving import move

    path, clock = sqlite_path(source), SystemClock()
    if undo:
        why = asyncio.run(move.take_back(path, target, clock))
        said = f"paused, since {why}: compare, then `mailguard queue resume`" if why else "as if it had never left"
        say(f"{path}: a service may start on it, {said}")
        return
    try:
        copied = asyncio.run(move.move(path, target, _Watch(), clock, wait=not once))
    except KeyboardInterrupt:
        say(f"{path}: broken off. The same command goes on with it")
        sys.exit(Exit.FAILED)
    if copied is None:
        say(f"{path}: copied, not moved: the service goes on there. Without --once this command ends the move")
        return
    table(["TABLE", "ROWS", "SHA-256 OF BOTH"], [(name, f"{rows:,}", sum_) for name, rows, sum_ in copied.tables])
    say(f"{path}: moved to {where.name} in {copied.seconds:.1f} s; name it as `store:` and start the service")


for _verb in (_migrate, _check, _backup, _standby, _copy):
    command.add_command(_verb)
