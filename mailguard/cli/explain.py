"""`mailguard explain`: what would the rules say of this mail, and why."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from mailguard import rules as policy
from mailguard.cli.common import Context, Exit, emit, say, table, verb
from mailguard.cli.packaged import default_rules
from mailguard.cli.surroundings import Surroundings, surroundings
from mailguard.clock import SystemClock
from mailguard.errors import CannotTell, PermanentFailure
from mailguard.intake import gather
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.mail.message import Message
from mailguard.records import Action, Mode, Verdict
from mailguard.rules import RuleReport

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

    Of each rule yes or no, and the fact that decided.

    Who usually writes to whom is known to the running service only: what depends on it is "not known" here.
    """
    around = surroundings(context, message)
    mail = Message(message.read_bytes())
    envelope = _envelope(mail, sender, recipients)
    now = _instant(at, around.people.organization.zone)
    rules = policy.load(around.config.rule_files() if around.config else [default_rules()], around.people)
    try:
        identity = Identity(envelope.sender, Proof.LOGIN)
        facts = gather(mail, envelope, identity, around.people, None, now, around.learn)
    except CannotTell as error:
        say(f"held: mailguard cannot read this mail: {error}")
        sys.exit(Exit.FAILED)
    verdict, reports = policy.explain(rules, facts, around.holds)
    if as_json:
        emit([_json(verdict, reports, envelope, now)])
    else:
        _show(verdict, reports, envelope, around)


def _envelope(mail: Message, sender: str | None, recipients: tuple[str, ...]) -> Envelope:
    boxes = mail.mailboxes("from")
    to = recipients or tuple(box.address for box in mail.mailboxes("to", "cc", "bcc"))
    if not to:
        raise click.UsageError("this message names no recipient: say --to ADDRESS")
    try:
        checked = tuple(Recipient(address.check(each, smtputf8=True)) for each in to)
        author = address.check(sender, smtputf8=True) if sender else boxes[0].address if boxes else ""
    except PermanentFailure as error:
        raise click.UsageError(error.text) from None
    return Envelope(author, checked, smtputf8=True)


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
        fates[recipient] = {"verdict": action.name.lower(), "delay_seconds": seconds}
    return fates


def _json(verdict: Verdict, reports: list[RuleReport], envelope: Envelope, now: datetime) -> dict[str, Any]:
    fates = _fates(verdict, envelope, now)
    return {
        "verdict": verdict.action.name.lower(),
        "delay_seconds": max((fate["delay_seconds"] for fate in fates.values()), default=0),
        "recipients": fates,
        "added": [added.address for added in verdict.added],
        "rules": [{"id": r.id, "mode": r.mode.value, "matched": r.matched, "reason": r.reason} for r in reports],
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
        click.echo(f"  {recipient}: {leaves}")
    for added in verdict.added:
        click.echo(f"  {added.address}: added by {added.rule}{' at once' if added.now else ''}")
    click.echo()
    marks = {Mode.AUDIT: " (audit)", Mode.OFF: " (off)"}
    table(
        ("RULE", "MATCHED", "BECAUSE"),
        [(report.id + marks.get(report.mode, ""), _MATCHED[report.matched], report.reason) for report in reports],
    )
