"""`mailguard rules`: the live rules, as people's answers judge them."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from mailguard import people as directory
from mailguard.cli.common import Context, config_option, configured, emit, say, span, table, verb
from mailguard.cli.surroundings import remembered
from mailguard.clock import SystemClock
from mailguard.config import Config
from mailguard.document.units import short
from mailguard.errors import ConfigError
from mailguard.records import Fate, RuleTally
from mailguard.rules import loader
from mailguard.rules.precision import Precision, precision, proposal
from mailguard.store.places import place

_MONTH = timedelta(days=30)
_COLUMNS = (
    "RULE",
    "MATCHED",
    "HELD",
    "CHANGED",
    "UNCHANGED",
    "NO ANSWER",
    "RIGHT",
    "ANSWER",
    "DELAYED",
    "BACK",
    "AUDIT",
)


@click.group("rules")
@config_option
def command() -> None:
    """The rules, as people's answers judge them."""


@verb("stats")
@click.option("--since", metavar="DURATION", callback=span, help="Mail of this time until now [default: 30d].")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a rule.")
@click.pass_obj
def _stats(context: Context, since: timedelta | None, as_json: bool) -> None:
    """Say how often each rule was right, and what to do about those that mostly are not.

    A hold was right when a person took the mail back, or took recipients off it; it was not when the mail was sent
    unchanged. What nobody answered says nothing. Read from the store; the service may run.
    """
    config = configured(context)
    begin = SystemClock().now() - (since or _MONTH)
    found = asyncio.run(_tallies(config, begin))
    silent = [RuleTally(rule) for rule in _live(config) if rule not in {one.rule for one in found}]
    if as_json:
        emit(map(_json, [*found, *silent]))
        return
    if not found:
        say(f"no rule matched a mail of the last {short(since or _MONTH)}")
        return
    table(_COLUMNS, map(_row, found))
    if silent:
        click.echo(f"\nnever matched: {', '.join(one.rule for one in silent)}")
    for line in _proposals(found):
        click.echo(line)


command.add_command(_stats)


async def _tallies(config: Config, since: datetime) -> list[RuleTally]:
    async with place(config.store_url, config.encryption).onlooker() as store:
        return await store.tallies(since)


def _live(config: Config) -> list[str]:
    """The rules of the files. They are named beside what they did; broken files are no reason to hide that."""
    try:
        people = directory.load(config.people_path, config.organization, remembered(config))
        return sorted(rule.id for rule in loader.load(config.rule_files(), people).rules)
    except ConfigError as error:
        say(f"the rule files cannot be read now ({error}): `mailguard check` says why")
        return []


def _row(one: RuleTally) -> Sequence[str]:
    return (
        one.rule, _count(one.matched), _count(one.held), _count(one.right), _count(one.count(Fate.UNCHANGED)),
        _count(one.count(Fate.UNANSWERED, Fate.OPEN)), _share(precision(one)),
        _rounded(one.answered_in) if one.answered_in is not None else "", _count(one.delayed), _count(one.taken_back),
        f"{one.audit:,} ({one.would_hold:,} held)" if one.would_hold else _count(one.audit),
    )  # fmt: skip


def _rounded(span: timedelta) -> str:
    return short(timedelta(seconds=round(span.total_seconds())))


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _share(found: Precision | None) -> str:
    return f"{found.share:.0%} ({found.low:.0%}-{found.high:.0%})" if found else ""


def _proposals(found: Sequence[RuleTally]) -> Iterator[str]:
    for one in found:
        if (advice := proposal(one)) is not None:
            how = f": mailguard promote {one.rule} --back" if advice.what == "demote" else ""
            yield f"\n{one.rule}: {advice.what}, for {advice.why}{how}"


def _json(one: RuleTally) -> dict[str, Any]:
    found, advice = precision(one), proposal(one)
    return {
        "rule": one.rule, "matched": one.matched, "held": one.held,
        **{fate.value: one.count(fate) for fate in Fate},
        "precision": found and {"share": found.share, "low": found.low, "high": found.high},
        "answered_in_seconds": one.answered_in.total_seconds() if one.answered_in is not None else None,
        "delayed": one.delayed, "taken_back": one.taken_back, "audit": one.audit, "would_hold": one.would_hold,
        "reported": one.reported,
        "proposal": advice and {"what": advice.what, "why": advice.why},
    }  # fmt: skip
