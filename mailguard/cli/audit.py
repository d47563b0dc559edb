"""`mailguard audit`: prove that the record is whole, take it out, and erase a person from it."""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from mailguard.admin import client
from mailguard.audit import Walk, lines
from mailguard.cli.about_person import of_person
from mailguard.cli.common import Context, Exit, config_option, configured, say, verb
from mailguard.cli.saving import private
from mailguard.cli.service import asking
from mailguard.clock import SystemClock
from mailguard.document.units import duration
from mailguard.store.places import place

_ANCIENT = "1970-01-01"


@click.group("audit")
def command() -> None:
    """The record of decisions: verify, export, erase a person."""


@verb("verify")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--head", "heads", multiple=True, metavar="SEAL:HEX", help="A head that was written down; repeatable.")
@click.option("--log", "logs", multiple=True, type=click.File("r", encoding="utf-8", errors="replace"),
              help="A log of the service in JSON: its audit.sealed lines are the heads; repeatable.")  # fmt: skip
@click.pass_obj
def _verify(context: Context, file: Path | None, heads: tuple[str, ...], logs: tuple[Iterable[str], ...]) -> None:
    """Walk the chain and name what was changed, put in, cut off or is missing.

    Of the store, also while the service runs; or of FILE, an export in JSON Lines. What was cut off the end, or an old
    copy in place of the store, only a head from outside can tell: give the service's log.
    """
    known = dict(_head(one) for one in heads) | {n: head for log in logs for n, head in _logged(log)}
    walk = Walk(known, whole=file is None)
    findings = 0
    for finding in _walked(walk, context, file):
        findings += 1
        click.echo(finding)
    say(_summary(walk, compared=len(known)))
    if findings:
        say(f"{findings} findings. Nothing was changed; keep a copy of the store and of the logs before you do")
        sys.exit(Exit.FAILED)
    say("all is well")


def _walked(walk: Walk, context: Context, file: Path | None) -> Iterator[str]:
    if file is None:
        audit = place(configured(context).store_url).audit()
        for span in audit.spans():
            yield from walk.see(span)
        yield from walk.end(audit.given)
        return
    with file.open(encoding="utf-8") as text:
        try:
            for span in lines.read(text):
                yield from walk.see(span)
        except (lines.NotExported, UnicodeDecodeError) as error:
            yield f"{file}: {error}"
    yield from walk.end()


def _summary(walk: Walk, compared: int) -> str:
    said = [f"{walk.checked:,} records checked"]
    said += [f"{walk.erased:,} erased"] if walk.erased else []
    said += [f"{walk.withheld:,} not in this export"] if walk.withheld else []
    said += [f"{walk.unsealed:,} not sealed yet"] if walk.unsealed else []
    said += [f"records up to {walk.forgotten.last:,} past retention"] if walk.forgotten else []
    said += [f"{compared:,} heads compared"] if compared else ["no head compared: an end that was cut off is not seen"]
    if walk.head:
        said.append(f"head {walk.head.number}:{walk.head.head.hex()}")
    return ", ".join(said)


def _head(text: str) -> tuple[int, bytes]:
    number, _, head = text.partition(":")
    try:
        return int(number), bytes.fromhex(head)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no head: write SEAL:HEX, as the last line of verify does") from None


def _logged(log: Iterable[str]) -> Iterator[tuple[int, bytes]]:
    """Lines of other events, and what is no JSON at all (a log may have a head of its own), are passed over."""
    for line in log:
        if "audit.sealed" not in line:
            continue
        try:
            said = json.loads(line[line.index("{") :])
            yield int(said["seal"]), bytes.fromhex(said["head"])
        except (ValueError, KeyError, TypeError):
            continue


@verb("export")
@click.option("--since", metavar="TIME", help="A date, a time with zone, or how long ago, like 7d.")
@click.option("--until", metavar="TIME", help="The same; this instant is not included.")
@click.option("--format", "format_", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--person", metavar="ADDRESS", help="Instead: all that is kept of this person, as JSON Lines.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file, instead of stdout.")
@click.pass_obj
def _export(
    context: Context, since: str | None, until: str | None, format_: str, person: str | None, output: Path | None
) -> None:
    """Write the record out: JSON Lines can be verified by themselves, CSV is for a spreadsheet.

    With --person: every row of the store that is about them, with the messages they sent.
    """
    config = configured(context)
    if person is not None:
        if since or until or format_ != "jsonl":
            raise click.UsageError(
                "--person takes all there is, as JSON Lines: leave --since, --until and --format out"
            )
        asyncio.run(of_person(config, person, output))
        return
    zone = ZoneInfo(config.organization.zone)
    spans = lines.within(place(config.store_url).audit().spans(), _time(since, zone), _time(until, zone))
    made = lines.jsonl(spans) if format_ == "jsonl" else lines.table(spans)
    if output is None:
        sys.stdout.writelines(made)
        return
    with private(output) as file:
        file.writelines(made)


def _time(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        if text[-1] in "smhd":
            return SystemClock().now() - duration(text)
        if len(text) == len(_ANCIENT):
            return datetime.combine(date.fromisoformat(text), time(), zone)
        at = datetime.fromisoformat(text)
    except (ValueError, IndexError):
        raise click.BadParameter(f"{text!r} is no time: write 2026-11-23, 2026-11-23T09:00+01:00 or 7d") from None
    return at if at.tzinfo else at.replace(tzinfo=zone)


@command.command("erase")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Only say what it would be.")
@config_option
@click.pass_obj
def erase(context: Context, address: str, yes: bool, dry_run: bool) -> None:
    """Forget a person: their mail that has ended, and every record that names them.

    Mail that still waits stays, and so does the proof that there were records: the chain holds as before. It cannot be
    taken back.
    """
    if "@" not in address:
        raise click.BadParameter(f"{address!r} is no mail address", param_hint="ADDRESS")

    def ask(*, dry: bool) -> dict[str, int]:
        with asking():
            answer: dict[str, int] = client.ask(
                configured(context).socket_path, "erase", timeout=3600, address=address, dry_run=dry
            )
            return answer

    what = ask(dry=True)
    stays = f"; {what['waiting']} mails still wait and stay" if what["waiting"] else ""
    stays += f"; {what['held']} mails are under the legal hold of somebody else and stay" if what["held"] else ""
    said = f"{what['mails']} mails and {what['records']} records name {address}{stays}"
    if dry_run:
        say(said)
        return
    if not yes:
        click.confirm(f"{said}. Erase them and what was learnt of {address} for ever?", abort=True, err=True)
    done = ask(dry=False)
    say(f"erased: {done['mails']} mails, {done['records']} records{stays}")


for _verb in (_verify, _export):
    command.add_command(_verb)
