"""`mailguard bypass`: in an emergency the guard steps aside, for a while and on the record."""

import sys
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from mailguard.admin import client
from mailguard.cli.common import Context, Exit, configured, emit, plain, say, verb
from mailguard.cli.service import asking


@verb("bypass")
@click.option("--for", "span", metavar="DURATION", help="How long, like 30m; 24h at most.")
@click.option("--reason", metavar="TEXT", help="Why; the audit keeps it, and it is shown to people.")
@click.option("--end", is_flag=True, help="End it now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def command(context: Context, span: str | None, reason: str | None, end: bool, as_json: bool) -> None:
    """Let new mail pass unheld for a while.

    Without options: say whether it does. The rules are still asked, and what they say is recorded. What is held or
    delayed already stays so, and nobody may send as somebody else. It ends by itself.
    """
    if end and (span or reason):
        raise click.UsageError("either --for and --reason, or --end")
    if bool(span) is not bool(reason):
        raise click.UsageError('say both, how long and why: --for 30m --reason "the hold rules misfire"')
    config = configured(context)
    with asking():
        answer = client.ask(config.socket_path, "bypass", span=span, reason=reason, end=end)
    aside = answer["bypass"]
    if as_json:
        emit([aside or {}])
    else:
        click.echo(describe(aside, ZoneInfo(config.organization.zone)) or "no bypass: new mail is checked")
    if end and not answer["done"]:
        say("there was no bypass to end")
        sys.exit(Exit.FAILED)


def describe(aside: dict[str, Any] | None, zone: ZoneInfo) -> str:
    """One line; '' when there is none."""
    if not aside:
        return ""
    until = datetime.fromisoformat(aside["until"]).astimezone(zone)
    return plain(f"BYPASS until {until:%Y-%m-%d %H:%M:%S %Z}, by {aside['by']}: {aside['reason']}")


def warn(health: dict[str, Any], zone: ZoneInfo) -> None:
    """On stderr, whatever is not as ever: a bypass, frozen senders, suspect rules."""
    if line := describe(health.get("bypass"), zone):
        say(line)
    if frozen := health.get("frozen"):
        say(plain(f"FROZEN: {', '.join(frozen)} (`mailguard user thaw NAME` accepts their mail again)"))
    if suspects := health.get("suspects"):
        say(plain(f"SUSPECT RULES: {', '.join(suspects)} (they suddenly hold much of the mail)"))
