"""`mailguard test`: run the tests beside the rules."""

import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement

import click

from mailguard.cli.common import Context, Exit, say, verb
from mailguard.cli.surroundings import Surroundings, surroundings
from mailguard.intake import gather
from mailguard.mail.envelope import Envelope, Identity
from mailguard.mail.message import Message
from mailguard.people import People
from mailguard.records import Past
from mailguard.rules.facts import Facts
from mailguard.rules.tester import Result, Setting, run, test_files


@verb("test")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--run", "only", metavar="RE", default="", help="Only tests whose name matches.")
@click.option("--all", "together", is_flag=True, help="Every rule file of the folder applies, not only x.yaml.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="F", help="Write the results for a CI server.")
@click.pass_obj
def command(context: Context, files: tuple[Path, ...], only: str, together: bool, junit: Path | None) -> None:
    """Run rule tests: x.test.yaml against x.yaml. FILES are test files, rule files or folders.

    Without FILES, those beside the configuration's rules.
    """
    try:
        wanted: Callable[[str], object] = re.compile(only).search
    except re.error as error:
        raise click.UsageError(f"--run {only!r} is not a regular expression: {error}") from None
    around = surroundings(context, files[0] if files else Path("rules"))
    found = test_files(files or _beside_rules(around))
    if not found:
        say("error: no *.test.yaml found: write one beside your rules, or say where they are")
        sys.exit(Exit.FAILED)
    setting = Setting(_gather(around), around.holds, around.people if around.config else None, together)
    results = [result for file in found for result in run(file, setting, lambda name: bool(wanted(name)))]
    if not results:
        say(f"error: no test's name matches {only!r}")
        sys.exit(Exit.FAILED)
    _show(results)
    if junit:
        _write_junit(junit, results)
    if any(not result.passed for result in results):
        sys.exit(Exit.FAILED)


def _beside_rules(around: Surroundings) -> list[Path]:
    if around.config is None:
        raise click.UsageError("say which tests: there is no configuration whose rules could be tested")
    return around.config.rule_files()


def _gather(around: Surroundings) -> Callable[[bytes, Envelope, Identity, Past, datetime, People], Facts]:
    def facts(
        content: bytes, envelope: Envelope, identity: Identity, past: Past, now: datetime, people: People
    ) -> Facts:
        return gather(Message(content), envelope, identity, people, past, now, around.learn)

    return facts


def _show(results: list[Result]) -> None:
    for result in results:
        if not result.passed:
            click.echo(f"FAILED {result.path}:{result.line}: {result.name}")
            for failure in result.failures:
                click.echo(f"    {failure}")
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results) - failed} passed, {failed} failed")


def _write_junit(path: Path, results: list[Result]) -> None:
    failed = sum(not result.passed for result in results)
    suite = Element("testsuite", name="mailguard rules", tests=str(len(results)), failures=str(failed))
    for result in results:
        case = SubElement(suite, "testcase", classname=result.path, name=result.name)
        if not result.passed:
            SubElement(case, "failure", message=result.failures[0]).text = "\n".join(result.failures)
    ElementTree(suite).write(path, "utf-8", xml_declaration=True)
