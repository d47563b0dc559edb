"""`mailguard queue`: look at what waits, and act on it, through the running service."""

import sys
from typing import Any

import click

from mailguard.admin import client
from mailguard.cli.common import Context, Exit, config_option, configured, emit, plain, say, table
from mailguard.cli.service import asking

_WORDS = {
    "done": "done",
    "already": "nothing to do: that is how it is already",
    "too_late": "too late: it left",
    "unknown": "no such mail",
}


@click.group("queue")
@config_option
def command() -> None:
    """Mail that waits, and what became of the rest."""


def _ask(context: Context, question: str, **arguments: Any) -> Any:
    with asking():
        return client.ask(configured(context).socket_path, question, **arguments)


_FILTERS = [
    click.option("--state", metavar="STATE", help="held, queued, sending, sent, failed, cancelled, or waiting."),
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
    if as_json:
        emit(rows)
        return
    table(
        ("QUEUE ID", "STATE", "LEAVES / EXPIRES", "FROM", "TO", "RULES", "SUBJECT"),
        [
            (
                row["queue_id"], row["state"], _when(row), row["sender"] or "<>", _recipients(row),
                ", ".join(row["rules"]), row["subject"],
            )
            for row in rows
        ],
    )  # fmt: skip


def _select(context: Context, limit: int, **what: str | None) -> list[dict[str, Any]]:
    names = {"sender": "from", "recipient": "to"}
    asked = {names.get(key, key): value for key, value in what.items() if value}
    rows: list[dict[str, Any]] = _ask(context, "list", limit=limit, **({"state": "waiting"} | asked))
    return rows


def _when(row: dict[str, Any]) -> str:
    if row["hold"]:
        return f"held until {row['hold']['expires_at'] or 'somebody acts'}"
    return min((d["due_at"] for d in row["deliveries"] if d["due_at"]), default="")


def _recipients(row: dict[str, Any]) -> str:
    return ", ".join(f"{d['address']}{' !' if d['flagged'] else ''}" for d in row["deliveries"])


@command.command("show")
@click.argument("queue_id")
@click.option("--json", "as_json", is_flag=True)
@config_option
@click.pass_obj
def show(context: Context, queue_id: str, as_json: bool) -> None:
    """Show one mail: recipients, rules that matched, and its history."""
    mail = _ask(context, "show", queue_id=queue_id)
    if mail is None:
        say(f"error: no mail {queue_id}")
        sys.exit(Exit.FAILED)
    if as_json:
        emit([mail])
        return
    for name in ("queue_id", "state", "sender", "subject", "message_id", "size", "created_at"):
        click.echo(f"{name:12} {plain(str(mail[name]))}")
    table(
        ("RECIPIENT", "STATE", "DUE", "ATTEMPTS", "WHY / LAST REPLY"),
        [
            (d["address"], d["state"], d["due_at"] or "", str(d["attempts"]), d["flagged"] or d["last_reply"])
            for d in mail["deliveries"]
        ],
    )
    table(
        ("RULE", "MODE", "ACTION", "REASON"),
        [(h["rule"], h["mode"], h["action"], h["reason"]) for h in mail["hits"]],
    )
    table(
        ("AT", "EVENT", "BY", ""),
        [(e["at"], e["event"], e["actor"], _data(e["data"])) for e in mail["events"]],
    )


def _data(data: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in data.items())


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
            say(f"{len(chosen)} mails: {' '.join(chosen)}" if chosen else "no mail matches")
            return
        if not yes and not queue_ids:
            click.confirm(f"{name} {len(chosen)} mails?", abort=True, err=True)
        _report([_ask(context, "act", act=name, queue_id=q, recipients=recipients) for q in chosen], as_json)


def _matching(context: Context, what: dict[str, str | None]) -> list[str]:
    if not any(what.values()):
        raise click.UsageError("say which mails: queue ids, or a filter such as --from or --rule")
    return [row["queue_id"] for row in _select(context, 100_000, **what)]


def _report(answers: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit(answers)
    for answer in [] if as_json else answers:
        rest = "".join(f"; still waits for {', '.join(hold['until'])} ({hold['rule']})" for hold in answer["remaining"])
        at = f" at {answer['at']}" if answer["at"] else ""
        click.echo(f"{answer['queue_id']}: {_WORDS[answer['ending']]}{at}{rest}")
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
