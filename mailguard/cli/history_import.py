"""`mailguard history import`: from files, from Sent folders of an IMAP server, from the store itself."""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click

from mailguard.cli import archive, looked_back, mailboxes
from mailguard.cli.archive import Bad
from mailguard.cli.common import Context, Exit, bar, configured, counted, plain, say, span, verb
from mailguard.cli.lessons import Lessons
from mailguard.cli.mailboxes import Login, Source
from mailguard.cli.memory import Known, memory
from mailguard.cli.past_mail import Taking, Written
from mailguard.cli.sent_from_here import sent_from_here
from mailguard.cli.surroundings import surroundings
from mailguard.clock import SystemClock
from mailguard.config import Config
from mailguard.errors import CannotTell
from mailguard.history.firm import Firm
from mailguard.imap import Account, Broken, Mailbox, Piece, Refused
from mailguard.mail.message import Message
from mailguard.records import PastMail, Reached, Remembered

_BATCH = 200  # mails in one transaction
_TRIES = 5  # in a row that bring nothing
_WAIT = 1.0  # seconds before the second try; twice as long before each other
_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@verb("import")
@click.argument("source", required=False)
@click.option("--from-store", is_flag=True, help="What was sent from here before it was remembered.")
@click.option("--users", type=_file, help="Whose folders: a line for each, USER or USER:PASSWORD.")
@click.option("--master", default="", metavar="NAME", help="Who logs in for them (SASL PLAIN, authorization identity).")
@click.option("--password-file", type=_file, help="Instead of $IMAP_PASSWORD, or of being asked.")
@click.option("--ca-file", type=_file, help="Who signed the server's certificate, if nobody whom this system trusts.")
@click.option("--timeout", default="60s", show_default=True, metavar="DURATION", callback=span, help="Of the server.")
@click.option("--again", is_flag=True, help="Read folders from their beginning, not from where they were left.")
@click.pass_obj
def command(
    context: Context, source: str | None, from_store: bool, users: Path | None, master: str,
    password_file: Path | None, ca_file: Path | None, timeout: timedelta, again: bool,
) -> None:  # fmt: skip
    """Learn from past mail, so that `unexpected` speaks from the first day. The service may run.

    SOURCE is an mbox, a Maildir or a folder of .eml files, of sent mail; or imaps://USER@HOST, or imap://USER@HOST with
    STARTTLS, and behind it /FOLDER where the one of sent mail isn't marked as such. There only headers and texts are
    read, and nothing is changed.

    What others than our own people wrote, what is older than retention.habits, what came through mailguard itself and
    what is there already is passed over: it may be broken off and begun again. Of every mail are kept: who got it when,
    and hashes of its words.
    """
    if bool(source) == from_store:
        raise click.UsageError("name a SOURCE, or --from-store")
    config = configured(context)
    taking = Taking(surroundings(context, Path()))
    if source and mailboxes.is_url(source):
        where = mailboxes.source(source, ca_file, timeout.total_seconds())
        people = mailboxes.accounts(where, Login(users, master, password_file))
        new, whole = asyncio.run(_from_imap(config, taking, where, people, again))
    elif source and not Path(source).exists():
        raise click.BadParameter(f"there is no {source!r}", param_hint="SOURCE")
    else:
        new, whole = asyncio.run(_from_files(config, taking, Path(source)) if source else _from_store(config)), True
    taking.remarks()
    say(f"{plain(source or 'the store')}: {new:,} mails learnt")
    if not whole:
        sys.exit(Exit.FAILED)


async def _from_files(config: Config, taking: Taking, source: Path) -> int:
    oldest = _oldest(config).timestamp()
    firm, new, batch = Firm(taking.around.people.internal), 0, list[PastMail]()
    async with memory(config) as known:
        with bar("importing", "mails") as progress:
            for done, total, one in taking.scan(source):
                progress(done, total)
                if one.mail.at < oldest:
                    taking.over["that are older than retention.habits"] += 1
                    continue
                judged = looked_back.judge(firm, one.mail, 0.0) or {}
                remembered = one.mail.remembered({key: doubt.score for key, doubt in judged.items()})
                firm.learn(remembered)
                batch.append(_past(one, remembered))
                if len(batch) == _BATCH:
                    new += await _learn(known, taking, batch)
                    batch.clear()
        return new + await _learn(known, taking, batch)


async def _from_store(config: Config) -> int:
    new = 0
    async with memory(config) as known:
        lessons = Lessons(known.look)
        with bar("importing", "mails") as progress:
            async for done, total, mails in sent_from_here(known.look, _oldest(config)):
                progress(done, total)
                judged = await lessons.judged([one for one, _, _ in mails])
                new += await known.learn(
                    [
                        PastMail(mail, message_id, number=number)
                        for mail, (_, message_id, number) in zip(judged, mails, strict=True)
                    ]
                )
    return new


async def _from_imap(
    config: Config, taking: Taking, where: Source, people: Sequence[Account], again: bool
) -> tuple[int, bool]:
    """How many were learnt, and whether all folders were read to their end."""
    new, failed = 0, 0
    async with memory(config) as known:
        reached = {} if again else await known.look.recall("history.imap.*")
        for account in people:

            def left(folder: str, user: str = account.user) -> dict[str, int] | None:
                return reached.get(where.place(user, folder))

            box = Mailbox(where.server, account, where.folder, _oldest(config), left)
            try:
                new += await _mailbox(known, taking, where, box)
            except (Refused, Broken) as error:
                failed += 1
                say(f"error: {plain(account.user)}: {plain(str(error))}")
            finally:
                box.close()
            for folder in box.begun_anew:
                say(f"{plain(account.user)}: {plain(folder)} was numbered anew, and is read from its beginning")
    if failed:
        say(f"not to the end: {counted(failed, 'mailbox') if failed == 1 else f'{failed:,} mailboxes'}. "
            "Begin again: it goes on where it was left")  # fmt: skip
    return new, not failed


async def _mailbox(known: Known, taking: Taking, where: Source, box: Mailbox) -> int:
    new, failures, clock, lessons = 0, 0, SystemClock(), Lessons(known.look)
    with bar(plain(box.account.user), "mails") as progress:
        while True:
            try:
                piece = await asyncio.to_thread(box.step)
            except Broken:
                failures += 1
                if failures == _TRIES:
                    raise
                await clock.sleep(_WAIT * 2 ** (failures - 1))
                continue
            if piece is None:
                return new
            failures = failures if piece.left_out else 0
            new += await _piece(known, taking, where, box, piece, lessons)
            progress(piece.done, piece.total)


async def _piece(known: Known, taking: Taking, where: Source, box: Mailbox, piece: Piece, lessons: Lessons) -> int:
    user, found = box.account.user, list[Written]()
    for uid in piece.left_out:
        taking.bad.append(Bad(f"{user}: {uid}", "the server does not give it"))
    for sent in piece.mails:
        try:
            one = taking.take(sent.raw, archive.date(Message(sent.raw)))
        except (ValueError, CannotTell) as error:
            taking.bad.append(Bad(f"{user}: {sent.uid}", str(error)))
            continue
        if one:
            found.append(one)
    judged = await lessons.judged([one.mail for one in found])
    place = Reached(where.place(user, piece.folder), piece.place, SystemClock().now())
    return await _learn(known, taking, [_past(*pair) for pair in zip(found, judged, strict=True)], place)


async def _learn(known: Known, taking: Taking, mails: Iterable[PastMail], reached: Reached | None = None) -> int:
    mails = list(mails)
    new = await known.learn(mails, reached)
    if len(mails) > new:
        taking.over["that are known already"] += len(mails) - new
    return new


def _past(one: Written, remembered: Remembered) -> PastMail:
    return PastMail(remembered, one.message_id, one.digest)


def _oldest(config: Config) -> datetime:
    return SystemClock().now() - config.retention.habits
