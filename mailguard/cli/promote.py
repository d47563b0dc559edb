"""`mailguard promote`: an audit rule begins to act, after a look at what it would have done."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

import click

from mailguard import people as directory
from mailguard.cli.common import Context, Exit, configured, counted, say, span, table, verb
from mailguard.cli.saving import save
from mailguard.cli.surroundings import remembered
from mailguard.clock import SystemClock
from mailguard.config import Config
from mailguard.document.edit import NotInPlace
from mailguard.document.model import did_you_mean
from mailguard.errors import ConfigError
from mailguard.mail import address
from mailguard.people import People
from mailguard.records import Action, Mail, Mode, RuleHit
from mailguard.rules import loader
from mailguard.rules.promotion import Promotion, move
from mailguard.rules.rule import Rule, RuleSet
from mailguard.store.places import place

T = TypeVar("T")
_ADDRESS = re.compile(r"[^\s“”\"'<>(),;:]+@")
_WOULD = {Action.PASS: "act on", Action.DELAY: "delay", Action.HOLD: "hold", Action.REJECT: "reject"}
_MONTH = timedelta(days=30)
_SAMPLES = 10


@verb("promote")
@click.argument("rule")
@click.option("--since", metavar="DURATION", callback=span, help="Audit data of this time until now [default: 30d].")
@click.option("--groups", multiple=True, metavar="GROUP", help="A pilot: only for senders in it; repeatable.")
@click.option("--back", is_flag=True, help="Back to audit.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.pass_obj
def command(
    context: Context, rule: str, since: timedelta | None, groups: tuple[str, ...], back: bool, yes: bool, dry_run: bool
) -> None:
    """Let a rule act that is in audit so far.

    Shows what it would have done: holds per day, whom it would have hit, and ten samples (domains and the reason; the
    subject only with log.subjects). Then it asks, and changes the rule's line in its file; `mailguard reload` makes it
    live.
    """
    if back and groups:
        raise click.UsageError("--back is for everybody: leave --groups out")
    config = configured(context)
    people = directory.load(config.people_path, config.organization, remembered(config))
    rules = loader.load(config.rule_files(), people)
    chosen = _find(rules, rule)
    if not back:
        _show(_past(config, rule, SystemClock().now() - (since or _MONTH)), config)
    written = _moved(rules, chosen, people, Mode.AUDIT if back else Mode.ENFORCE, groups)
    if written is None:
        say(f"nothing to do: {rule} is so already")
        return
    _show_change(written)
    if dry_run:
        return
    if not yes:
        click.confirm("write this?", abort=True, err=True)
    if written.path.read_bytes().decode() != written.before:
        raise ConfigError(f"{written.path} was changed meanwhile: nothing was written, look again")
    save(written.path, written.after)
    say(f"{written.path} is written; make it live: mailguard reload")


def _find(rules: RuleSet, name: str) -> Rule:
    found = next((rule for rule in rules.rules if rule.id == name), None)
    if found is None:
        meant = did_you_mean(name, [rule.id for rule in rules.rules])
        say(f'error: there is no rule "{name}"' + (f": {meant}" if meant else ""))
        sys.exit(Exit.FAILED)
    return found


def _moved(rules: RuleSet, rule: Rule, people: People, mode: Mode, groups: Sequence[str]) -> Promotion | None:
    try:
        return move(rules, rule, people, mode=mode, groups=groups)
    except NotInPlace as error:
        say(f"error: {error}")
        sys.exit(Exit.FAILED)


# --- what it would have done ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Past:
    """The audit data of a rule, the latest first; `samples` are of different senders as far as there are."""

    hits: Sequence[RuleHit]
    samples: Sequence[tuple[RuleHit, Mail]]
    until: datetime


def _past(config: Config, rule: str, since: datetime) -> Past:
    async def read() -> Past:
        async with place(config.store_url, config.encryption).onlooker() as store:
            hits = [one for one in await store.matches(rule, since) if one.hit.mode is Mode.AUDIT]
            latest = {one.sender: one for one in reversed(hits)}
            first = sorted(latest.values(), key=lambda one: one.at, reverse=True)
            chosen = [*first, *(one for one in hits if latest[one.sender] is not one)][:_SAMPLES]
            mails = [(one, await store.get(one.queue_id)) for one in chosen]
        return Past(hits, [(one, mail) for one, mail in mails if mail is not None], SystemClock().now())

    return asyncio.run(read())


def _show(past: Past, config: Config) -> None:
    if not past.hits:
        say("no audit data: in this time it matched nothing while it was in audit")
        return
    zone, hits = ZoneInfo(config.organization.zone), past.hits
    days = max(1, (past.until.astimezone(zone).date() - hits[-1].at.astimezone(zone).date()).days + 1)
    per_day, senders = Counter(one.at.astimezone(zone).date() for one in hits), Counter(one.sender for one in hits)
    (worst, most), (person, times) = _most(per_day), _most(senders)
    would = f"it would {_WOULD[hits[0].hit.action]} {counted(len(hits), 'mail')} in {counted(days, 'day')}"
    click.echo(f"{would}: {len(hits) / days:.1f} a day, at most {most} ({worst})")
    click.echo(f"{counted(len(senders), 'sender')}, most often {person} ({times})\n")
    subjects = config.log.subjects
    table(
        ("AT", "FROM", "TO", "REASON", *(("SUBJECT",) if subjects else ())),
        [_sample(one, mail, zone, subjects=subjects) for one, mail in past.samples],
    )
    click.echo()


def _most(counts: Counter[T]) -> tuple[T, int]:
    return min(counts.items(), key=lambda one: (-one[1], str(one[0])))


def _sample(one: RuleHit, mail: Mail, zone: tzinfo, *, subjects: bool) -> tuple[str, ...]:
    domains = dict.fromkeys(address.domain(each) for each in sorted(one.hit.recipients) or mail.envelope.addresses)
    at = one.at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    told = (mail.subject,) if subjects else ()
    return at, address.domain(one.sender), ", ".join(domains), _ADDRESS.sub("…@", one.hit.reason), *told


def _show_change(written: Promotion) -> None:
    change = written.change
    click.echo(f"{written.path}:{change.line}")
    if change.before:
        click.echo(f"- {change.before}")
    click.echo(f"+ {change.after}")
