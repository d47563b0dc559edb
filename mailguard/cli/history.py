"""`mailguard history`: teach it from past mail, see what a budget would have cost, show and erase a person."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from mailguard.cli import history_import, looked_back
from mailguard.cli.common import Context, Exit, bar, configured, say, verb
from mailguard.cli.memory import memory
from mailguard.cli.past_mail import Taking
from mailguard.cli.surroundings import surroundings
from mailguard.history.budget import alarms
from mailguard.mail import address
from mailguard.records import Remembered
from mailguard.store.places import place


@click.group("history")
def command() -> None:
    """Who writes to whom: taught, tried, shown, erased."""


@verb("evaluate")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--alarms",
    "budgets",
    multiple=True,
    metavar="BUDGET",
    help='Like "1 in 100 mails", or low, medium, high; repeatable.',
)
@click.option("--examples", default=10, show_default=True, metavar="N", help="How many alarms are shown.")
@click.pass_obj
def _evaluate(context: Context, source: Path, budgets: tuple[str, ...], examples: int) -> None:
    """What `unexpected` would have said of past mail, and which slips it would have caught.

    Every mail of SOURCE (an mbox, a Maildir, a folder of .eml files) is judged by what the ones before it taught, as it
    was and once with a slip made on purpose. Nothing is changed, sent or written; the service may run.
    """
    around = surroundings(context, source)
    taking = Taking(around)
    try:
        shares = [alarms(budget) for budget in budgets or ("low", "medium", "high")]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with bar("evaluating", "mails") as progress:
        mails = ((done, total, one.mail) for done, total, one in taking.scan(source))
        found = looked_back.look_back(mails, around.people.internal, around.history.learn, shares, examples, progress)
    taking.remarks()
    looked_back.show(found, shares)


@verb("show")
@click.argument("person")
@click.pass_obj
def _show(context: Context, person: str) -> None:
    """All that is remembered of a person's mail, as JSON Lines: what they sent, and what they got."""

    async def run() -> None:
        config = configured(context)
        async with place(config.store_url, config.encryption).onlooker() as store:
            found = await store.habits(address.key(person), ())
            for mail in (*found.sent, *found.got):
                click.echo(json.dumps(_shown(mail), ensure_ascii=False))

    asyncio.run(run())


@verb("forget")
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def _forget(context: Context, person: str, yes: bool) -> None:
    """Erase what is remembered of whom a person wrote to, and who wrote to them. The service may run."""
    if not yes and not click.confirm(f"Erase what is remembered of {person}?", err=True):
        say("nothing was erased")
        sys.exit(Exit.FAILED)

    async def run() -> None:
        async with memory(configured(context)) as known:
            await known.forget(address.key(person))

    asyncio.run(run())
    say(f"nothing is remembered of {person} any more")


def _shown(mail: Remembered) -> dict[str, object]:
    return {
        "at": datetime.fromtimestamp(mail.at, UTC).isoformat(), "from": mail.sender, "to": list(mail.recipients),
        "cc": sorted(mail.cc), "thread": mail.thread, "words": list(mail.words), "scores": dict(mail.scores),
    }  # fmt: skip


for _verb in (history_import.command, _evaluate, _show, _forget):
    command.add_command(_verb)
