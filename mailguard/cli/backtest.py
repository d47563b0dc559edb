"""`mailguard backtest`: what would these rules have done to past mail?"""

import asyncio
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import click

from mailguard.cli import archive
from mailguard.cli.archive import Bad, Found
from mailguard.cli.common import Context, Exit, bar, plain, say, span, verb
from mailguard.cli.packaged import default_rules
from mailguard.cli.surroundings import Surroundings, surroundings
from mailguard.cli.tried import as_json, show
from mailguard.clock import SystemClock
from mailguard.document.units import short
from mailguard.extract.pool import Pool
from mailguard.intake.judge import IntakeSettings
from mailguard.intake.trial import PastClock, Rehearsal, Written, on_kept
from mailguard.log import Log
from mailguard.mail.message import Message
from mailguard.notices.settings import NoticeSettings
from mailguard.rules import loader
from mailguard.rules.backtest import Report
from mailguard.rules.rule import RuleSet
from mailguard.store.places import place
from mailguard.store.sqlite import SqliteStore

_LARGEST = 35 << 20  # bytes, where no configuration says it
_MEMORY = Path("/dev/shm")  # noqa: S108 - for a store that is gone in a minute; a folder of our own is made in it
_NAMED = 20  # files that could not be judged, before the rest is only counted
_DECIDE = timedelta(seconds=10)

Progress = Callable[[int, int], None]


@verb("backtest")
@click.argument("source", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--since", metavar="DURATION", callback=span, help="Mail of this time until now, like 7d [default: 7d].")
@click.option("--rules", "draft", type=click.Path(path_type=Path, exists=True), help="The draft: a folder or file.")
@click.option("--mails", default=20, show_default=True, metavar="N", help="How many changed mails are shown.")
@click.option("--json", "json_lines", is_flag=True, help="JSON Lines: each changed mail, then the summary.")
@click.pass_obj
def command(
    context: Context, source: Path | None, since: timedelta | None, draft: Path | None, mails: int, json_lines: bool
) -> None:
    """Try rules on the mail of the past.

    Says which verdicts change, the holds and notices per person and day, and the loudest rules.

    Without SOURCE on the facts that the store keeps of mail it accepted, next to what was decided then. Texts are not
    kept: rules that ask for other words than those that were live are named, and left out.

    SOURCE is a folder of .eml files, a Maildir or an mbox: whole mails, replayed by their dates. With --rules next to
    the configuration's rules. Nothing is changed, sent or written; the service may run.
    """
    if source is not None and since is not None:
        raise click.UsageError("--since is about the store: a folder or mbox is replayed whole")
    around = surroundings(context, draft or source or Path())
    zone = ZoneInfo(around.people.organization.zone)
    bad: list[Bad] = []
    if source is None:
        report = _stored(around, _rules(around, draft), since or timedelta(days=7), zone)
    else:
        report, bad = _replayed(around, source, draft, zone)
    _remarks(report, bad, source)
    if json_lines:
        as_json(report, bad)
    elif report.mails:
        show(report, mails)
    if not report.mails:
        sys.exit(Exit.FAILED)


def _rules(around: Surroundings, draft: Path | None = None) -> RuleSet:
    live = around.config.rule_files() if around.config else [default_rules()]
    return loader.load([draft] if draft else live, around.people)


def _settings(around: Surroundings) -> IntakeSettings:
    config = around.config
    notices = config.notices if config else NoticeSettings(sender="mailguard@corp.example")
    hostname = config.smtp.hostname if config else "mail.corp.example"
    return IntakeSettings(hostname or "", around.holds, around.history, notices, _DECIDE)


# --- on what the store keeps ----------------------------------------------------------------------------------


def _stored(around: Surroundings, rules: RuleSet, since: timedelta, zone: ZoneInfo) -> Report:
    if around.config is None:
        raise click.UsageError("there is no configuration whose store could be read: name one, or a folder of mail")
    config, settings = around.config, _settings(around)
    until = SystemClock().now()
    begin, whole, report = until - since, int(since.total_seconds()), Report(zone)

    async def run(progress: Progress) -> None:
        async with place(config.store_url, config.encryption).onlooker() as store:
            async for mail, kept in store.kept(begin, until):
                report.add(on_kept(mail, kept, rules, around.people, settings))
                progress(int((mail.received_at - begin).total_seconds()), whole)

    with bar("replaying", "seconds") as progress:
        asyncio.run(run(progress))
    if not report.mails:
        say(f"no facts are kept of mail of the last {short(since)}")
    return report


# --- on whole mails -------------------------------------------------------------------------------------------


def _replayed(around: Surroundings, source: Path, draft: Path | None, zone: ZoneInfo) -> tuple[Report, list[Bad]]:
    policies = [_rules(around), _rules(around, draft)] if draft else [_rules(around)]
    found, bad = archive.scan(source, around.config.smtp.limits.size if around.config else _LARGEST)
    report = Report(zone)
    with bar("replaying", "mails") as progress:
        over = asyncio.run(_replay(around, policies, found, report, bad, progress))
    for why, count in sorted(over.items()):
        say(f"passed over: {count:,} {why}")
    return report, bad


async def _replay(
    around: Surroundings, policies: Sequence[RuleSet], found: Sequence[Found], report: Report, bad: list[Bad],
    progress: Progress,
) -> Counter[str]:  # fmt: skip
    """How many were passed over, by why: what others wrote never passes through here, and a copy is no second mail."""
    files, clock, over, seen = Pool(), PastClock(), Counter[str](), set[str]()
    with _short_lived() as folder:
        store = SqliteStore(folder / "mail.db", clock=clock)
        await store.open()
        try:
            log = Log(stream=io.StringIO())
            rehearsal = Rehearsal(store, clock, policies, around.people, _settings(around), files, log)
            for number, one in enumerate(found, 1):
                try:
                    mail = _written(one)
                except (ValueError, OSError) as error:
                    bad.append(Bad(one.name, str(error)))
                else:
                    if around.people.external(mail.envelope.sender):
                        over[f"that nobody of {around.people.organization.name} wrote"] += 1
                    elif (name := Message(mail.raw).message_id) and name in seen:
                        over["that are there already, by their Message-ID"] += 1
                    else:
                        seen.add(name)
                        report.add(await rehearsal.judge(mail))
                progress(number, len(found))
        finally:
            await files.close()
            await store.close()
    return over


@contextmanager
def _short_lived() -> Iterator[Path]:
    with TemporaryDirectory(prefix="mailguard-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def _written(found: Found) -> Written:
    raw = found.load()
    return Written(found.name, raw, archive.envelope(Message(raw)), found.at)


def _remarks(report: Report, bad: Sequence[Bad], source: Path | None) -> None:
    for one in bad[:_NAMED]:
        say(f"not judged: {plain(one.name)}: {one.why}")
    if len(bad) > _NAMED:
        say(f"not judged: {len(bad) - _NAMED:,} more ({len(bad):,} in all); --json names them")
    for rule, count in sorted(report.unjudged.items()):
        say(f"not judged: {rule} on {count:,} of {report.mails:,} mails: it asks for what is not kept of past mail")
    if report.unjudged:
        say("  what these rules ask for can be tried on a folder of mail: mailguard backtest FOLDER --rules DRAFT")
    if source is not None and not report.mails:
        say(f"error: {source} holds no mail that could be judged")
