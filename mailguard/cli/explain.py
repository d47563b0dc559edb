"""`mailguard explain`: what would the rules say of this mail, and why."""

import sys
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from mailguard.cli import archive, conditions
from mailguard.cli.common import Context, Exit, emit, say, table, verb
from mailguard.cli.packaged import default_rules
from mailguard.cli.surroundings import Surroundings, surroundings
from mailguard.clock import SystemClock
from mailguard.errors import CannotTell
from mailguard.extract.process import Worker
from mailguard.intake.facts import gather
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Identity, Proof
from mailguard.mail.message import Message
from mailguard.records import Action, Known, Mode, Need, Verdict
from mailguard.rules import changes, engine, loader
from mailguard.rules.engine import RuleReport

_MATCHED = {True: "yes", False: "no", None: "could not tell"}


@verb("explain")
@click.argument("message", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--from", "sender", metavar="ADDRESS", help="Who sends it [default: its From].")
@click.option("--to", "recipients", multiple=True, metavar="ADDRESS", help="The envelope [default: To, Cc and Bcc].")
@click.option("--at", metavar="TIME", help="When, ISO 8601 [default: now].")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def command(
    context: Context, message: Path, sender: str | None, recipients: tuple[str, ...], at: str | None, as_json: bool
) -> None:
    """Say what the rules would decide about a mail, and why.

    Of each rule yes or no and the fact that decided, then all its conditions as a tree.

    Who usually writes to whom is known to the running service only: what depends on it is "not known" here.
    """
    around = surroundings(context, message)
    mail = Message(message.read_bytes())
    envelope = _envelope(mail, sender, recipients)
    now = _instant(at, around.people.organization.zone)
    rules = loader.load(around.config.rule_files() if around.config else [default_rules()], around.people)
    try:
        identity = Identity(envelope.sender, Proof.LOGIN)
        facts = gather(mail, envelope, identity, around.people, Known(), now, around.history.learn)
    except CannotTell as error:
        say(f"held: mailguard cannot read this mail: {error}")
        sys.exit(Exit.FAILED)
    verdict, reports = engine.explain(rules, facts, around.holds)
    if Need.CONTENTS in facts.wanted:
        with Worker() as worker:
            facts = facts.knowing(contents=worker.read(mail))
        verdict, reports = engine.explain(rules, facts, around.holds)
    if as_json:
        whole = _json(verdict, reports, envelope, now)
        for said, rule in zip(whole["rules"], rules.rules, strict=True):
            said.update(conditions.as_json(rule, facts))
        emit([whole])
        return
    _show(verdict, reports, envelope, around)
    click.echo()
    for line in chain.from_iterable(conditions.lines(rule, facts) for rule in rules.rules):
        click.echo(line)


def _envelope(mail: Message, sender: str | None, recipients: tuple[str, ...]) -> Envelope:
    try:
        return archive.envelope(mail, sender, recipients)
    except ValueError as error:
        raise click.UsageError(f"{error}: say --from ADDRESS and --to ADDRESS") from None


def _instant(at: str | None, zone: str) -> datetime:
    if at is None:
        return SystemClock().now()
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        raise click.UsageError(f"{at!r} is not a time: write it like 2026-11-23T17:30 or with an offset") from None
    try:
        return (instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except OverflowError:
        raise click.UsageError(f"{at!r} is outside the calendar") from None


def _fates(verdict: Verdict, envelope: Envelope, now: datetime) -> dict[str, dict[str, Any]]:
    """Each recipient's own verdict: a hold or reject covers the whole mail, a delay its own recipients."""
    fates: dict[str, dict[str, Any]] = {}
    for recipient in envelope.addresses:
        wait = verdict.waits.get(address.key(recipient))
        seconds = int((wait.due_at - now).total_seconds()) if wait else 0
        action = verdict.action if verdict.action >= Action.HOLD else Action.DELAY if seconds else Action.PASS
        word = "drop" if address.key(recipient) in verdict.dropped else action.name.lower()
        fates[recipient] = {"verdict": word, "delay_seconds": seconds}
    return fates


def _json(verdict: Verdict, reports: list[RuleReport], envelope: Envelope, now: datetime) -> dict[str, Any]:
    fates = _fates(verdict, envelope, now)
    return {
        "verdict": verdict.action.name.lower(),
        "delay_seconds": max((fate["delay_seconds"] for fate in fates.values()), default=0),
        "recipients": fates,
        "added": [added.address for added in verdict.added],
        "changes": changes.said(verdict.edits),
        "told": list(verdict.notify),
        "tags": list(verdict.tags),
        "rules": [
            {"id": r.id, "mode": r.mode.value, "pilot": list(r.pilot), "matched": r.matched, "reason": r.reason}
            for r in reports
        ],
    }


def _show(verdict: Verdict, reports: list[RuleReport], envelope: Envelope, around: Surroundings) -> None:
    click.echo(f"verdict: {verdict.action.name.lower()}")
    if verdict.reject:
        click.echo(f"  {verdict.reject}")
    for hold in verdict.holds:
        until = ", ".join(hold.approvers) or "its sender confirms"
        click.echo(f"  held by {hold.rule} until {until}: {hold.reason}")
    zone = ZoneInfo(around.people.organization.zone)
    for recipient in envelope.addresses:
        wait = verdict.waits.get(address.key(recipient))
        leaves = f"leaves {wait.due_at.astimezone(zone):%H:%M:%S} ({wait.rule})" if wait else "leaves at once"
        if verdict.action >= Action.HOLD:
            leaves = verdict.action.name.lower()
        if rule := verdict.dropped.get(address.key(recipient)):
            leaves = f"taken off ({rule})"
        click.echo(f"  {recipient}: {leaves}")
    for change in changes.said(verdict.edits):
        click.echo(f"  {change}")
    for added in verdict.added:
        click.echo(f"  {added.address}: added by {added.rule}{' at once' if added.now else ''}")
    for told in verdict.notify:
        click.echo(f"  {told}: told")
    if verdict.tags:
        click.echo(f"  tagged {', '.join(verdict.tags)}")
    click.echo()
    table(
        ("RULE", "MATCHED", "BECAUSE"),
        [(report.id + _mark(report), _MATCHED[report.matched], report.reason) for report in reports],
    )


def _mark(report: RuleReport) -> str:
    if report.pilot and report.mode is not Mode.OFF:
        return " (pilot)" if report.mode is Mode.ENFORCE else " (audit: not in its pilot groups)"
    return "" if report.mode is Mode.ENFORCE else f" ({report.mode.value})"
