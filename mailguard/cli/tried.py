"""How a backtest is shown: as tables, or as JSON Lines."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from mailguard.cli.archive import Bad
from mailguard.cli.common import counted, emit, table
from mailguard.records import Action
from mailguard.rules.backtest import Report, Ruling, Spread, Trial


def show(report: Report, most: int) -> None:
    """For people; of the changed mails the first `most`."""
    first, last = (at.astimezone(report.zone).date() for at in (report.first, report.last) if at)
    click.echo(f"{counted(report.mails, 'mail')} of {counted(report.people, 'sender')}, {first} to {last}\n")
    table(("VERDICT", "MAILS"), _verdicts(report))
    if report.changed:
        click.echo()
        rows = [_changed(report, trial) for trial in report.changed[:most]]
        table(("AT", "MAIL", "SENDER", "VERDICT", "BECAUSE"), rows)
        if len(report.changed) > most:
            click.echo(f"and {len(report.changed) - most:,} more: --mails N, or --json")
    click.echo()
    table(("PER PERSON AND DAY", "MEDIAN", "WORST", "WHO", "WHEN", "IN ALL", "A DAY"), _spreads(report))
    if report.loudest:
        click.echo()
        rules = [(one.rule, *map(_number, (one.fired, one.held, one.delayed, one.audit))) for one in report.loudest]
        table(("RULE", "MATCHED", "HELD", "DELAYED", "AUDIT"), rules)


def as_json(report: Report, bad: Sequence[Bad]) -> None:
    """A line a changed mail, and a summary as the last."""
    emit(_json_of(trial) for trial in report.changed)
    spreads = {"holds": report.holds, "notices": report.notices}
    if report.compared:
        spreads["holds_before"] = report.holds_before
    summary: dict[str, Any] = {
        "mails": report.mails, "senders": report.people, "days": report.days,
        "from": report.first.isoformat() if report.first else None,
        "to": report.last.isoformat() if report.last else None,
        "changed": len(report.changed) if report.compared else None,
        "verdicts": [
            {"old": old.name.lower() if old is not None else None, "new": new.name.lower(), "mails": count}
            for (old, new), count in sorted(report.verdicts.items(), key=_order)
        ],
    }  # fmt: skip
    summary |= {f"{name}_per_person_and_day": _json_spread(spread) for name, spread in spreads.items()}
    summary["rules"] = [
        {"id": one.rule, "matched": one.fired, "held": one.held, "delayed": one.delayed, "audit": one.audit}
        for one in report.loudest
    ]
    summary["unjudged"] = dict(sorted(report.unjudged.items()))
    summary["bad"] = [{"file": one.name, "why": one.why} for one in bad]
    emit([summary])


def _json_of(trial: Trial) -> dict[str, Any]:
    return {
        "mail": trial.name, "sender": trial.sender, "at": trial.at.isoformat(),
        "old": _json_ruling(trial.old), "new": _json_ruling(trial.new), "unjudged": sorted(trial.unjudged),
    }  # fmt: skip


def _json_ruling(ruling: Ruling | None) -> dict[str, Any] | None:
    return None if ruling is None else {"verdict": ruling.action.name.lower(), "rules": list(ruling.because)}


def _json_spread(spread: Spread) -> dict[str, Any]:
    day = spread.day.isoformat() if spread.day else None
    return {
        "all": spread.total,
        "median": spread.median,
        "worst": spread.worst,
        "person": spread.person or None,
        "day": day,
    }


_Verdicts = tuple[tuple[Action | None, Action], int]


def _order(one: _Verdicts) -> tuple[bool, int, int]:
    """Changes first, the strictest first."""
    (old, new), _ = one
    return old is new or old is None, -new, -(old or 0)


def _verdicts(report: Report) -> Iterator[tuple[str, str]]:
    for (old, new), count in sorted(report.verdicts.items(), key=_order):
        word = new.name.lower()
        yield word if old is None or old is new else f"{old.name.lower()} → {word}", _number(count)


def _changed(report: Report, trial: Trial) -> tuple[str, ...]:
    old, new = trial.old or trial.new, trial.new
    because = new.because or old.because
    at = trial.at.astimezone(report.zone).strftime("%Y-%m-%d %H:%M")
    verdict = f"{old.action.name.lower()} → {new.action.name.lower()}"
    return at, trial.name, trial.sender, verdict, ", ".join(because)


def _spreads(report: Report) -> Iterator[tuple[str, ...]]:
    if report.compared:
        yield _spread("holds, as it was", report.holds_before, report.days)
    yield _spread("holds", report.holds, report.days)
    yield _spread("notices", report.notices, report.days)


def _spread(name: str, spread: Spread, days: int) -> tuple[str, ...]:
    when = spread.day.isoformat() if spread.day else ""
    per_day = f"{spread.total / days:.1f}"
    return name, f"{spread.median:g}", _number(spread.worst), spread.person, when, _number(spread.total), per_day


def _number(count: int) -> str:
    return f"{count:,}"
