"""`mailguard history`: teach it from past mail, see what a budget would have cost, show and erase a person."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

import click

from mailguard.cli import archive, looked_back
from mailguard.cli.archive import Bad
from mailguard.cli.common import Context, Exit, bar, configured, plain, say, verb
from mailguard.cli.surroundings import Surroundings, surroundings
from mailguard.clock import SystemClock
from mailguard.errors import CannotTell
from mailguard.history.budget import alarms
from mailguard.history.firm import Firm
from mailguard.history.signs import Outgoing
from mailguard.intake.ledgers import outgoing
from mailguard.mail import address
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.records import Actor, Remembered
from mailguard.store.sqlite import SqliteStore, onlooker

_LARGEST = 35 << 20  # bytes, where no configuration says it
_BATCH = 200  # mails in one transaction
_NAMED = 20
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)  # a Date of 1970 is a clock that was never set
_AHEAD = timedelta(days=1)  # and one in 2038 is nobody's; but a clock may be a little wrong


@click.group("history")
def command() -> None:
    """Who writes to whom: taught, tried on past mail, shown, erased."""


@verb("import")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.pass_obj
def _import(context: Context, source: Path) -> None:
    """Learn from past mail, so that `unexpected` speaks from the first day. The service must not run.

    SOURCE is an mbox, a Maildir or a folder of .eml files, of sent mail. What others than our own people wrote, what is
    older than retention.habits, and what is there already is passed over: it may be broken off and begun again. Of
    every mail are kept: who got it when, and hashes of its words.
    """
    config = configured(context)
    around = surroundings(context, source)
    over, bad = Counter[str](), list[Bad]()
    oldest = (SystemClock().now() - config.retention.habits).timestamp()
    firm = Firm(around.people.internal)

    async def run() -> int:
        store = SqliteStore(config.store_path)
        await store.open()
        try:
            new, batch = 0, list[tuple[bytes, Remembered]]()
            with bar("importing", "mails") as progress:
                for done, total, origin, mail in _mails(around, source, over, bad):
                    progress(done, total)
                    if mail.at < oldest:
                        over["that are older than retention.habits"] += 1
                        continue
                    judged = looked_back.judge(firm, mail, 0.0) or {}
                    one = mail.remembered({key: doubt.score for key, doubt in judged.items()})
                    firm.learn(one)
                    batch.append((origin, one))
                    if len(batch) == _BATCH:
                        new += await store.learn_past(batch)
                        batch.clear()
            return new + await store.learn_past(batch)
        finally:
            await store.close()

    new = asyncio.run(run())
    _remarks(over, bad)
    say(f"{source}: {new:,} mails learnt")


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
    over, bad = Counter[str](), list[Bad]()
    try:
        shares = [alarms(budget) for budget in budgets or ("low", "medium", "high")]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with bar("evaluating", "mails") as progress:
        mails = ((done, total, mail) for done, total, _, mail in _mails(around, source, over, bad))
        found = looked_back.look_back(mails, around.people.internal, around.history.learn, shares, examples, progress)
    _remarks(over, bad)
    looked_back.show(found, shares)


@verb("show")
@click.argument("person")
@click.pass_obj
def _show(context: Context, person: str) -> None:
    """All that is remembered of a person's mail, as JSON Lines: what they sent, and what they got."""

    async def run() -> None:
        async with onlooker(configured(context).store_path) as store:
            found = await store.habits(address.key(person), ())
            for mail in (*found.sent, *found.got):
                click.echo(json.dumps(_shown(mail), ensure_ascii=False))

    asyncio.run(run())


@verb("forget")
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def _forget(context: Context, person: str, yes: bool) -> None:
    """Erase what is remembered of whom a person wrote to, and who wrote to them. The service must not run."""
    if not yes and not click.confirm(f"Erase what is remembered of {person}?", err=True):
        say("nothing was erased")
        sys.exit(Exit.FAILED)

    async def run() -> None:
        store = SqliteStore(configured(context).store_path)
        await store.open()
        try:
            await store.forget_habits(
                address.key(person), by=Actor(f"uid={os.getuid()}", "cli"), now=SystemClock().now()
            )
        finally:
            await store.close()

    asyncio.run(run())
    say(f"nothing is remembered of {person} any more")


def _mails(
    around: Surroundings, source: Path, over: Counter[str], bad: list[Bad]
) -> Iterator[tuple[int, int, bytes, Outgoing]]:
    """How many are done, of how many, what it is known again by, and the mail; the oldest first."""
    found, wrong = archive.scan(source, around.config.smtp.limits.size if around.config else _LARGEST)
    bad += wrong
    latest = SystemClock().now() + _AHEAD
    for done, one in enumerate(found, 1):
        try:
            raw = one.load()
            message = Message(raw)
            envelope = archive.envelope(message)
            sender = address.key(envelope.sender)
            if not sender or around.people.external(sender):
                over[f"that nobody of {around.people.organization.name} wrote"] += 1
                continue
            if not _FIRST <= one.at <= latest:
                over["with a Date that cannot be"] += 1
                continue
            mail = outgoing(Reading(message), envelope, sender, one.at.timestamp())
        except (ValueError, OSError, CannotTell) as error:
            bad.append(Bad(one.name, str(error)))
            continue
        if mail.recipients:
            yield done, len(found), _origin(message, sender, raw), mail


def _origin(message: Message, sender: str, raw: bytes) -> bytes:
    """A mail is known again by its Message-ID, and without one by its bytes."""
    name = message.message_id.encode("utf-8", "surrogatepass") or raw
    return blake2b(sender.encode("utf-8", "surrogatepass") + b"\0" + name, digest_size=16).digest()


def _remarks(over: Counter[str], bad: Sequence[Bad]) -> None:
    for why, count in sorted(over.items()):
        say(f"passed over: {count:,} {why}")
    for one in bad[:_NAMED]:
        say(f"not read: {plain(one.name)}: {one.why}")
    if len(bad) > _NAMED:
        say(f"not read: {len(bad) - _NAMED:,} more")


def _shown(mail: Remembered) -> dict[str, object]:
    return {
        "at": datetime.fromtimestamp(mail.at, UTC).isoformat(), "from": mail.sender, "to": list(mail.recipients),
        "cc": sorted(mail.cc), "thread": mail.thread, "words": list(mail.words), "scores": dict(mail.scores),
    }  # fmt: skip


for _verb in (_import, _evaluate, _show, _forget):
    command.add_command(_verb)
