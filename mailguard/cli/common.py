"""What the verbs share: where the configuration is, how problems and tables are shown, how a verb ends."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mailguard.document.problem import Problem, render
from mailguard.document.units import duration
from mailguard.errors import ConfigError

if TYPE_CHECKING:
    from mailguard.config import Config

DEFAULT = Path("/etc/mailguard/mailguard.yaml")

UNBROKEN = {"QUEUE ID", "STATE", "DUE", "AT"}  # columns of a table that are to be copied, or read at a glance

F = TypeVar("F", bound=Callable[..., Any])


class Exit(IntEnum):
    """Exit codes (surface: The command line)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    FINDINGS = 3
    UNREACHABLE = 69  # EX_UNAVAILABLE
    SOFTWARE = 70  # EX_SOFTWARE: a bug of ours
    CONFIG = 78  # EX_CONFIG


@dataclass
class Context:
    """What `--config` said, before or after the verb, and the configuration once it was read."""

    path: Path | None = None
    config: "Config | None" = None

    @property
    def config_path(self) -> Path:
        """--config, then $MAILGUARD_CONFIG, then /etc/mailguard/mailguard.yaml."""
        return self.path or Path(os.environ.get("MAILGUARD_CONFIG") or DEFAULT)

    @property
    def existing(self) -> Path:
        """The same; ConfigError, with the way to one, if there is none."""
        path = self.config_path
        if path.exists():
            return path
        how = f"write one with `mailguard init {path.parent}`, or name yours: --config FILE or $MAILGUARD_CONFIG"
        raise ConfigError("", [Problem("MG101", "error", str(path), 0, 0, 0, "there is no such file", how)])


def config_option(function: F) -> F:
    """`--config FILE`, for the group and every verb."""

    def keep(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
        if value is not None:
            ctx.ensure_object(Context).path = value

    option = click.option(
        "--config", type=click.Path(path_type=Path), callback=keep, expose_value=False, is_eager=True,
        metavar="FILE", help=f"The configuration [default: $MAILGUARD_CONFIG, then {DEFAULT}].",
    )  # fmt: skip
    return option(function)


def span(_: click.Context, __: click.Parameter, value: str | None) -> timedelta | None:
    """An option that is a duration."""
    try:
        return duration(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def verb(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with --config; ConfigError ends it with all problems shown and exit code 1."""

    def make(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except ConfigError as error:
                fail(error, Exit.FAILED)

        return click.command(name)(config_option(run))

    return make


def configured(context: Context) -> "Config":
    """The configuration, read once a command; its warnings go to stderr. Raises ConfigError."""
    from mailguard.config import load  # every room's settings: verbs without a configuration start at once

    if context.config is None:
        context.config = load(context.existing, os.environ)
        if context.config.warnings:
            say(render(context.config.warnings))
    return context.config


def fail(error: ConfigError, code: Exit) -> NoReturn:
    """Show everything that is wrong, and end."""
    problems = [problem for problem in error.problems if isinstance(problem, Problem)]
    say(render(problems) if problems else f"error: {error}")
    sys.exit(code)


def say(text: str) -> None:
    """A message for a person, on stderr."""
    click.echo(text, err=True)


def emit(rows: Iterable[Mapping[str, Any]]) -> None:
    """JSON Lines on stdout."""
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False))


def counted(count: int, noun: str) -> str:
    """`1 mail`, `1,204 mails`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


Cell = str | tuple[str, ...]  # text, or lines of text


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """A table on stdout. Cells are plain text: markup and terminal escapes of a subject stay letters."""
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold", no_wrap=column in UNBROKEN)
    for row in rows:
        drawn.add_row(*(Text(_lines(cell)) for cell in row))
    if sys.stdout.isatty():
        Console(highlight=False).print(drawn)
        return
    out = StringIO()
    Console(width=width(), highlight=False, file=out).print(drawn)
    click.echo("\n".join(line.rstrip() for line in out.getvalue().splitlines()))


@contextmanager
def bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal; on anything else nothing."""
    console = Console(stderr=True)
    hidden = not console.is_terminal
    columns = (TextColumn(what), BarColumn(), TextColumn(f"{{task.completed:,}} of {{task.total:,}} {unit}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=hidden) as drawn:
        task = drawn.add_task(what, total=0)
        yield lambda done, total: drawn.update(task, completed=done, total=total)


def _lines(cell: Cell) -> str:
    return "\n".join(plain(line) for line in ([cell] if isinstance(cell, str) else cell))


def width() -> int:
    """Columns of the terminal. A pipe has no width: what another program reads is not broken into lines."""
    return Console().width if sys.stdout.isatty() else 10_000


def plain(text: str) -> str:
    """Without control characters (terminal escapes, CR LF)."""
    return "".join(c if c.isprintable() else "�" for c in text)
