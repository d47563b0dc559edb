"""A mail of the queue for a person's eyes: as rows of a list, and in full. Times are the organization's."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from mailguard.cli.common import Cell, plain, table, width

_NARROW = 130  # columns of a terminal below which the list stacks what a mail is about

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)")

Row = dict[str, Any]  # an object of the admin socket (surface: JSON)


def show_list(rows: Sequence[Row], zone: ZoneInfo, now: datetime) -> None:
    """One line a mail where there is room, else a few. `!` marks the recipients that a rule found."""
    clock = f"{now.astimezone(zone):%Z}"
    if width() >= _NARROW:
        table(
            ("QUEUE ID", "STATE", f"LEAVES / EXPIRES ({clock})", "FROM", "TO", "RULES", "SUBJECT"),
            [
                (
                    row["queue_id"], _state(row), _when(row, zone), row["sender"] or "<>", _recipients(row),
                    ", ".join(row["rules"]), row["subject"],
                )
                for row in rows
            ],
        )  # fmt: skip
        return
    table(
        ("QUEUE ID", "STATE", f"UNTIL ({clock})", "MAIL"),
        [(row["queue_id"], _state(row), _when(row, zone).removeprefix(f"{now:%Y}-"), _stacked(row)) for row in rows],
    )


def show_mail(mail: Row, zone: ZoneInfo) -> None:
    """Everything that is known of one mail."""
    for name, text in _facts(mail, zone):
        click.echo(f"{name:10} {plain(text)}")
    click.echo()
    table(
        ("RECIPIENT", "STATE", "DUE", "TRIES", "WHY / LAST REPLY"),
        [
            (
                d["address"], d["state"] + (" (added)" if d["added"] else ""), moment(d["due_at"], zone),
                str(d["attempts"]), tuple(filter(None, (d["flagged"], _order(d), d["last_reply"]))),
            )
            for d in mail["deliveries"]
        ],
    )  # fmt: skip
    click.echo()
    if mail["hits"]:
        table(
            ("RULE", "MODE", "ACTION", "REASON"),
            [(h["rule"], h["mode"], h["action"], h["reason"]) for h in mail["hits"]],
        )
    else:
        click.echo("no rule matched")
    click.echo()
    table(
        ("AT", "EVENT", "BY", "WHAT"),
        [(moment(e["at"], zone), e["event"], e["actor"], _data(e["data"], zone)) for e in mail["events"]],
    )


def show_aid(aid: Row, zone: ZoneInfo) -> None:
    """Who has it, and the drafts, to be copied."""
    table(
        ("RECIPIENT", "TAKEN AT", "BY", "REPLY"),
        [
            (h["address"], moment(h["at"], zone), h["remote"], h["reply"] if h["sure"] else f"perhaps: {h['reply']}")
            for h in aid["holders"]
        ],
    )
    for title, name in (("to the recipient", "request"), ("to the manager", "report")):
        click.echo(f"\n--- draft {title} ---\n")
        click.echo("\n".join(plain(line) for line in aid[name].splitlines()))


def _facts(mail: Row, zone: ZoneInfo) -> list[tuple[str, str]]:
    received = datetime.fromisoformat(mail["created_at"]).astimezone(zone)
    facts = [
        ("mail", f"{mail['queue_id']}, {mail['state']}"),
        ("subject", mail["subject"]),
        ("from", mail["sender"] or "<>"),
        ("received", f"{received:%Y-%m-%d %H:%M:%S %Z}, {mail['size']} bytes, {mail['message_id']}"),
    ]
    if hold := mail["hold"]:
        then = f", then: {hold['on_expiry']}" if hold["expires_at"] else ""
        facts.append(("waits for", f"{', '.join(hold['until'])}, until {_expires(mail, zone)}{then}"))
    return facts


def _order(delivery: Row) -> str:
    """In words, what else it waits for."""
    behind = delivery["behind"]
    return f"waits behind the earlier mail {behind} in this conversation" if behind else ""


def _state(row: Row) -> str:
    """With the attempts that did not succeed: such a mail waits for the next hop, not for a rule."""
    tries = max((d["attempts"] for d in row["deliveries"] if d["state"] == "queued"), default=0)
    return f"{row['state']}, tried {tries}×" if tries and row["state"] == "queued" else str(row["state"])


def _stacked(row: Row) -> Cell:
    rules = [", ".join(row["rules"])] if row["rules"] else []
    return (row["subject"], f"from {row['sender'] or '<>'}", f"to {_recipients(row)}", *rules)


def _when(row: Row, zone: ZoneInfo) -> str:
    if row["hold"]:
        return _expires(row, zone)
    queued = [d["behind"] for d in row["deliveries"] if d["state"] == "queued"]
    if queued and all(queued):
        return f"after {queued[0]}"
    return moment(min((d["due_at"] for d in row["deliveries"] if d["due_at"]), default=None), zone)


def _expires(row: Row, zone: ZoneInfo) -> str:
    return moment(row["hold"]["expires_at"], zone) or "somebody acts"


def moment(instant: str | None, zone: ZoneInfo) -> str:
    """As people read it; '' for none."""
    if not instant:
        return ""
    return f"{datetime.fromisoformat(instant).replace(microsecond=0).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _recipients(row: Row) -> str:
    """Who gets it: without those taken off, unless that is everybody."""
    goes_to = [d for d in row["deliveries"] if d["state"] != "cancelled"] or row["deliveries"]
    return ", ".join(f"{'!' if d['flagged'] else ''}{d['address']}" for d in goes_to)


def _data(data: dict[str, str], zone: ZoneInfo) -> str:
    """Without the hash of the rules, which is for --json; instants in the zone of the columns beside them."""
    return " ".join(f"{name}={_here(value, zone)}" for name, value in data.items() if name != "rules_hash")


def _here(value: str, zone: ZoneInfo) -> str:
    try:
        return moment(value, zone) if _INSTANT.fullmatch(value) else value
    except ValueError:  # looks like one, and is a word of somebody's
        return value
