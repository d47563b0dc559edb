"""`mailguard queue`: look at what waits, and act on it, through the running service."""

import sys
from typing import Any
from zoneinfo import ZoneInfo

import click

from mailguard.admin import client
from mailguard.cli.bypass import warn
from mailguard.cli.common import Context, Exit, config_option, configured, emit, say
from mailguard.cli.mails import moment, show_aid, show_list, show_mail
from mailguard.cli.service import asking, paused
from mailguard.clock import SystemClock
from mailguard.records import State

_WORDS = {
    "done": "done",
    "already": "nothing to do: that is how it is already",
    "too_late": "too late: it left",
    "unknown": "no such mail",
}
_SENDING = {"already": "nothing to do: it left, or may leave already", "too_late": "too late: it was cancelled"}
_NOBODY = "no such mail, or none of these recipients is in it"


@click.group("queue")
@config_option
def command() -> None:
    """Look at mail that waits, and act on it."""


def _ask(context: Context, question: str, **arguments: Any) -> Any:
    with asking():
        return client.ask(configured(context).socket_path, question, **arguments)


_FILTERS = [
    click.option(
        "--state", type=click.Choice(["waiting", *(state.value for state in State)]), help="waiting: held or queued."
    ),
    click.option("--from", "sender", metavar="ADDRESS", help="The sender."),
    click.option("--to", "recipient", metavar="ADDRESS", help="One of the recipients."),
    click.option("--rule", metavar="ID", help="A rule that matched."),
    click.option("--older-than", metavar="DURATION", help="Received longer ago than this, like 2h."),
]


def _filtered(function: Any) -> Any:
    for option in reversed(_FILTERS):
        function = option(function)
    return function


@command.command("list")
@_filtered
@click.option("--limit", default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a mail.")
@config_option
@click.pass_obj
def list_(context: Context, /, as_json: bool, limit: int, **what: str | None) -> None:
    """List mails, newest first; without --state those that wait."""
    rows = _select(context, limit, **what)
    health = _ask(context, "health")
    warn(health, _zone(context))
    if reason := health["paused"]:
        say(paused(reason))
    if as_json:
        emit(rows)
        return
    if not rows:
        say("nothing waits" if not any(what.values()) else "no mail matches")
        return
    show_list(rows, _zone(context), SystemClock().now())


def _zone(context: Context) -> ZoneInfo:
    return ZoneInfo(configured(context).organization.zone)


def _select(context: Context, limit: int, **what: str | None) -> list[dict[str, Any]]:
    names = {"sender": "from", "recipient": "to"}
    asked = {names.get(key, key): value for key, value in what.items() if value}
    rows: list[dict[str, Any]] = _ask(context, "list", limit=limit, **({"state": "waiting"} | asked))
    return rows


@command.command("show")
@click.argument("queue_id")
@click.option("--json", "as_json", is_flag=True)
@config_option
@click.pass_obj
def show(context: Context, queue_id: str, as_json: bool) -> None:
    """Show one mail: recipients, rules that matched, and its history."""
    mail = _ask(context, "show", queue_id=queue_id)
    if mail is None:
        say(f"error: there is no mail {queue_id}: `mailguard queue list` shows those that wait")
        sys.exit(Exit.FAILED)
    if as_json:
        emit([mail])
        return
    show_mail(mail, _zone(context))


@command.command("aid")
@click.argument("queue_id")
@click.option("--recipient", "recipients", multiple=True, metavar="ADDRESS", help="Who should not have it; repeatable.")
@click.option("--json", "as_json", is_flag=True)
@config_option
@click.pass_obj
def aid(context: Context, queue_id: str, recipients: tuple[str, ...], as_json: bool) -> None:
    """First aid for a mail that left: who has it, and two drafts.

    A request to delete it, and a report for the manager, in the language of `notices.language`. Nothing is sent.
    """
    config = configured(context)
    about = {"zone": config.organization.zone, "language": config.notices.language, "recipients": recipients}
    found = _ask(context, "aid", queue_id=queue_id, **about)
    if found is None or not found["holders"]:
        why = f"there is no mail {queue_id}" if found is None else f"nobody has {queue_id}, as far as is known"
        say(f"error: {why}: `mailguard queue list --state sent` shows what left")
        sys.exit(Exit.FAILED)
    if as_json:
        emit([found])
        return
    show_aid(found, _zone(context))


@command.command("resume")
@click.option("--yes", is_flag=True, help="Don't ask.")
@config_option
@click.pass_obj
def resume(context: Context, yes: bool) -> None:
    """Let a paused service send again.

    A service that finds itself on a copy, or on an earlier state of its store, sends nothing before this: what waits
    there may have left already. Look at `queue list` first, and cancel what must not leave.
    """
    health = _ask(context, "health")
    if not health["paused"]:
        say("nothing to do: sending is not paused")
        return
    if not yes:
        say(paused(health["paused"]))
        waits = sum(health["queue"].get(state, 0) for state in ("held", "queued"))
        click.confirm(f"let it send ({waits} copies wait here)?", abort=True, err=True)
    _ask(context, "resume")
    say("resumed")


def _acting(name: str, help_text: str) -> None:
    @command.command(name, help=help_text)
    @click.argument("queue_ids", nargs=-1)
    @_filtered
    @click.option("--recipient", "recipients", multiple=True, metavar="ADDRESS", help="Whom to drop; repeatable.")
    @click.option("--yes", is_flag=True, help="Don't ask.")
    @click.option("--dry-run", is_flag=True, help="Only say which mails it would be.")
    @click.option("--json", "as_json", is_flag=True)
    @config_option
    @click.pass_obj
    def act(
        context: Context, /, queue_ids: tuple[str, ...], recipients: tuple[str, ...], yes: bool, dry_run: bool,
        as_json: bool, **what: str | None,
    ) -> None:  # fmt: skip
        if name == "drop" and not recipients:
            raise click.UsageError("say whom to drop: --recipient ADDRESS")
        chosen = list(queue_ids) or _matching(context, what)
        if dry_run or not chosen:
            say(f"{_counted(chosen)}: {' '.join(chosen)}" if chosen else "no mail matches")
            return
        if not yes and not queue_ids:
            click.confirm(f"{name} {_counted(chosen)}?", abort=True, err=True)
        words = _WORDS | ({"unknown": _NOBODY} if recipients else {})
        words |= _SENDING if name in ("send", "requeue") else {}
        answers = [_ask(context, "act", act=name, queue_id=q, recipients=recipients) for q in chosen]
        _report(answers, as_json, words, _zone(context))


def _counted(mails: list[str]) -> str:
    return "1 mail" if len(mails) == 1 else f"{len(mails)} mails"


def _matching(context: Context, what: dict[str, str | None]) -> list[str]:
    if not any(what.values()):
        raise click.UsageError("say which mails: queue ids, or a filter such as --from or --rule")
    return [row["queue_id"] for row in _select(context, 100_000, **what)]


def _report(answers: list[dict[str, Any]], as_json: bool, words: dict[str, str], zone: ZoneInfo) -> None:
    if as_json:
        emit(answers)
    for answer in [] if as_json else answers:
        rest = "".join(f"; still waits for {', '.join(hold['until'])} ({hold['rule']})" for hold in answer["remaining"])
        at = f" at {moment(answer['at'], zone)}" if answer["at"] else ""
        click.echo(f"{answer['queue_id']}: {words[answer['ending']]}{at}{rest}")
    if any(answer["ending"] != "done" for answer in answers):
        sys.exit(Exit.FAILED)


for _name, _help in (
    ("send", "Let mails go now (what waits for an approver goes on waiting)."),
    ("stop", "Make the wait a hold; the sender is told."),
    ("cancel", "End mails: they never leave and go back to their senders."),
    ("drop", "Take recipients out of mails that wait."),
    ("bounce", "Give up mails that wait: their senders get a report that delivery failed."),
    ("requeue", "Try deferred mails again now, with a fresh retry clock."),
):
    _acting(_name, _help)
