"""`mailguard check`: is everything an admin wrote right? No side effects."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from mailguard import people as directory
from mailguard import rules as policy
from mailguard.cli.common import Context, Exit, verb
from mailguard.cli.surroundings import surroundings
from mailguard.config import load as load_config
from mailguard.document.problem import Format, Problem, ordered, render
from mailguard.errors import ConfigError
from mailguard.smtpd.users import load_users


@verb("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Warnings end with exit code 3.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.pass_obj
def command(context: Context, paths: tuple[Path, ...], strict: bool, form: Format) -> None:
    """Check the configuration, people, users and rules.

    With PATHS just these rule files or folders. Nothing is changed.
    """
    problems = ordered(_rules_only(context, paths) if paths else _everything(context))
    if problems or form != "text":
        click.echo(render(problems, form), nl=bool(problems))
    if any(problem.severity == "error" for problem in problems):
        sys.exit(Exit.FAILED)
    if problems and strict:
        sys.exit(Exit.FINDINGS)
    if not problems and form == "text":
        click.echo("all is well", err=True)


def _everything(context: Context) -> list[Problem]:
    try:
        config = load_config(context.existing, os.environ)
    except ConfigError as error:
        return _problems(error)
    problems = list(config.warnings)
    if users := config.users_path:
        try:
            load_users(users)
        except ConfigError as error:
            problems += _problems(error)
    try:
        people = directory.load(config.people_path, config.organization)
    except ConfigError as error:
        return problems + _problems(error)
    problems += people.warnings
    return problems + _tried(lambda: policy.load(config.rule_files(), people).warnings)


def _rules_only(context: Context, paths: tuple[Path, ...]) -> list[Problem]:
    people = surroundings(context, paths[0]).people
    return _tried(lambda: policy.load(paths, people).warnings)


def _tried(check: Callable[[], Iterable[Problem]]) -> list[Problem]:
    try:
        return list(check())
    except ConfigError as error:
        return _problems(error)


def _problems(error: ConfigError) -> list[Problem]:
    """An error that names no place in a file is a finding all the same."""
    found = [problem for problem in error.problems if isinstance(problem, Problem)]
    return found or [Problem("MG101", "error", "", 0, 0, 0, str(error))]
