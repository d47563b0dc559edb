"""`mailguard test`: run the tests beside the rules."""

import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from xml.etree.ElementTree import Element, ElementTree, SubElement

import click

from mailguard.cli.common import Context, Exit, say, table, verb
from mailguard.cli.surroundings import Surroundings, surroundings
from mailguard.extract.process import Worker
from mailguard.intake.facts import gather
from mailguard.mail.envelope import Envelope, Identity
from mailguard.mail.message import Message
from mailguard.people import People
from mailguard.records import Known
from mailguard.rules.compare import Change, Coverage, changes, coverage
from mailguard.rules.facts import Facts
from mailguard.rules.tester import Result, Setting, run, test_files

T = TypeVar("T")


@verb("test")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--run", "only", metavar="RE", default="", help="Only tests whose name matches.")
@click.option("--all", "together", is_flag=True, help="Every rule file of the folder applies, not only x.yaml.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="F", help="Write the results for a CI server.")
@click.option("--coverage", "covered", is_flag=True, help="Show in how many tests each rule matched and did not.")
@click.option(
    "--diff",
    "old",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Instead, show which tests' verdicts differ from those of the rules in DIR.",
)
@click.pass_obj
def command(
    context: Context,
    files: tuple[Path, ...],
    only: str,
    together: bool,
    junit: Path | None,
    covered: bool,
    old: Path | None,
) -> None:
    """Run rule tests: x.test.yaml against x.yaml. FILES are test files, rule files or folders.

    Without FILES, those beside the configuration's rules.
    """
    if old and (junit or covered):
        raise click.UsageError("--diff compares and does not test: leave --junit and --coverage out")
    try:
        wanted = re.compile(only).search
    except re.error as error:
        raise click.UsageError(f"--run {only!r} is not a regular expression: {error}") from None
    around = surroundings(context, files[0] if files else Path("rules"))
    found = test_files(files or _beside_rules(around))
    if not found:
        say("error: no *.test.yaml found: write one beside your rules, or say where they are")
        sys.exit(Exit.FAILED)
    with Worker() as worker:
        people = around.people if around.config else None
        setting = Setting(_gather(around), around.holds, people, together, worker.read)
        if old:
            _show_changes(_some([one for file in found for one in changes(file, old, setting, wanted)], only))
            return
        results = _some([one for file in found for one in run(file, setting, wanted)], only)
    if covered:
        _show_coverage(coverage(results))
    _show(results)
    if junit:
        _write_junit(junit, results)
    if any(not result.passed for result in results):
        sys.exit(Exit.FAILED)


def _some(tests: list[T], only: str) -> list[T]:
    """The tests; none at all must not look like success."""
    if not tests:
        say(f"error: no test's name matches {only!r}")
        sys.exit(Exit.FAILED)
    return tests


def _beside_rules(around: Surroundings) -> list[Path]:
    if around.config is None:
        raise click.UsageError("say which tests: there is no configuration whose rules could be tested")
    return around.config.rule_files()


def _gather(around: Surroundings) -> Callable[[bytes, Envelope, Identity, Known, datetime, People], Facts]:
    def facts(
        content: bytes, envelope: Envelope, identity: Identity, known: Known, now: datetime, people: People
    ) -> Facts:
        return gather(Message(content), envelope, identity, people, known, now, around.history.learn)

    return facts


def _show(results: list[Result]) -> None:
    for result in results:
        if not result.passed:
            click.echo(f"FAILED {result.path}:{result.line}: {result.name}")
            for failure in result.failures:
                click.echo(f"    {failure}")
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results) - failed} passed, {failed} failed")


def _show_changes(tests: list[Change]) -> None:
    changed = [one for one in tests if one.before != one.after]
    for one in changed:
        click.echo(f"CHANGED {one.path}:{one.line}: {one.name}\n    before: {one.before}\n    after:  {one.after}")
    click.echo(f"{len(changed)} of {len(tests)} tests have another verdict or other rules")


def _show_coverage(rules: dict[str, Coverage]) -> None:
    def remark(one: Coverage) -> str:
        missing = [*(["a hit"] * (not one.hits)), *(["a near miss"] * (not one.misses))]
        return f"lacks {' and '.join(missing)}" if missing else ""

    rows = [(name, str(one.hits), str(one.misses), remark(one)) for name, one in rules.items()]
    table(("RULE", "MATCHED", "NOT", ""), rows)
    click.echo(f"{sum(not row[-1] for row in rows)} of {len(rows)} rules have a hit and a near miss")


def _write_junit(path: Path, results: list[Result]) -> None:
    failed = sum(not result.passed for result in results)
    suite = Element("testsuite", name="mailguard rules", tests=str(len(results)), failures=str(failed))
    for result in results:
        case = SubElement(suite, "testcase", classname=result.path, name=result.name)
        if not result.passed:
            SubElement(case, "failure", message=result.failures[0]).text = "\n".join(result.failures)
    ElementTree(suite).write(path, "utf-8", xml_declaration=True)
