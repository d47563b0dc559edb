"""`mailguard check`: is everything an admin wrote right? No side effects."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from mailguard import people as directory
from mailguard.cli.common import Context, Exit, verb
from mailguard.cli.surroundings import surroundings
from mailguard.clock import SystemClock
from mailguard.config import Config
from mailguard.config import load as load_config
from mailguard.directory.look import asked
from mailguard.directory.remarks import few
from mailguard.document import yaml
from mailguard.document.problem import Format, Problem, ordered, render
from mailguard.errors import ConfigError
from mailguard.people import Found, People
from mailguard.rules import loader
from mailguard.rules.lint import lint
from mailguard.smtpd.users import load_users


@verb("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Warnings end with exit code 3.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.pass_obj
def command(context: Context, paths: tuple[Path, ...], strict: bool, form: Format) -> None:
    """Check the configuration, people, users and rules.

    Asks the directory, if there is one. With PATHS just these rule files or folders. Nothing is changed.
    """
    problems = ordered(_rules_only(context, paths) if paths else everything(context))
    if problems or form != "text":
        click.echo(render(problems, form), nl=bool(problems))
    if any(problem.severity == "error" for problem in problems):
        sys.exit(Exit.FAILED)
    if problems and strict:
        sys.exit(Exit.FINDINGS)
    if not problems and form == "text":
        click.echo("all is well", err=True)


def everything(context: Context) -> list[Problem]:
    """All that is wrong with what an admin wrote."""
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
    found: Found | None = None
    if ldap := config.directory.ldap:
        found, said = asked(ldap, config.directory_path, SystemClock().monotonic)
        problems += said
    try:
        people = directory.load(config.people_path, config.organization, found)
    except ConfigError as error:
        return problems + _problems(error)
    problems += few(people.warnings, ldap.url if ldap else "")
    return [*problems, *_of_access(config, people), *_of_rules(config.rule_files(), people)]


def _of_access(config: Config, people: People) -> Iterator[Problem]:
    file = yaml.read(config.path)
    for loc, group in config.access.unknown_groups(people):
        fix = "put people into it in people.yaml, or name another"
        message = f"nobody is in the group {group}"
        yield file.problem(("access", *loc), "MG309", message, fix, severity="warning")


def _rules_only(context: Context, paths: tuple[Path, ...]) -> list[Problem]:
    people = surroundings(context, paths[0]).people
    return _of_rules(paths, people)


def _of_rules(paths: Sequence[Path], people: People) -> list[Problem]:
    try:
        rules = loader.load(paths, people)
    except ConfigError as error:
        return _problems(error)
    return [*rules.warnings, *lint(rules, people)]


def _problems(error: ConfigError) -> list[Problem]:
    """An error that names no place in a file is a finding all the same."""
    found = [problem for problem in error.problems if isinstance(problem, Problem)]
    return found or [Problem("MG101", "error", "", 0, 0, 0, str(error))]
