"""Which store this is and how far it has come, kept beside the database: an older or copied one is noticed at start.

`mail.db.epoch` is one line: a random id, which the database has too, and a mark that grows with every transaction. It
is written after each commit, before anybody hears of it. After a power cut it may be behind, which says nothing.
"""

import contextlib
import os
import re
import secrets
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection

from mailguard.records import Actor
from mailguard.store.sqlite import mails
from mailguard.store.sqlite.codec import instant
from mailguard.store.sqlite.connection import APPLICATION, COPY, SQL, transaction
from mailguard.store.sqlite.files import sync_folder

_LINE = re.compile(rb"([0-9a-f]{32}) ([0-9]{20})\n")
_SELF = Actor("mailguard", "start")


class Epoch:
    """The file. Nothing is written to it before `begin` or `follow`: a paused store leaves it as it is."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}.epoch")
        self._file: int | None = None
        self._id = ""

    def read(self) -> tuple[str, int] | None:
        """(id, mark); None when there is no file. OSError or ValueError when it can't be read."""
        try:
            line = self.path.read_bytes()
        except FileNotFoundError:
            return None
        if (found := _LINE.fullmatch(line)) is None:
            raise ValueError("not a line of ours")
        return found[1].decode(), int(found[2])

    def begin(self, name: str, mark: int) -> None:
        """Durable when it returns, under a new id."""
        self.close()
        fresh = self.path.with_name(f"{self.path.name}.new")
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, _line(name, mark))
            os.fsync(file)
            fresh.replace(self.path)
        except OSError:
            os.close(file)
            raise
        sync_folder(self.path.parent)
        self._id, self._file = name, file

    def follow(self, name: str) -> None:
        """Go on with the file that is there."""
        self._file, self._id = os.open(self.path, os.O_RDWR | os.O_CLOEXEC), name

    def reached(self, mark: int) -> None:
        """In place and without fsync: it costs nothing beside a commit. A failure costs watchfulness, never a mail."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._file, _line(self._id, mark), 0)

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
            self._file = None


def _line(name: str, mark: int) -> bytes:
    return f"{name} {mark:020}\n".encode()


def mark(db: Connection) -> int:
    """How far the database has come: it grows with every audit event and every claim, and never shrinks."""
    return int(db.execute(SQL["mark"]).fetchone()[0])


def watch(db: Connection, epoch: Epoch, now: datetime) -> str:
    """At start: why nothing may leave ('': it may), kept until `resume`. A first start begins an epoch."""
    name, paused = db.execute(SQL["epoch"]).fetchone()
    if paused:
        return str(paused)
    if doubt := _doubt(db, epoch, name):
        return _pause(db, f"{doubt} ({_last_known(db)})", now)
    if name:
        epoch.follow(name)
    else:
        name = secrets.token_hex(16)
        epoch.begin(name, mark(db))  # first: a crash before the commit leaves a file that is no doubt
        with transaction(db):
            db.execute(SQL["begin_epoch"], (name,))
    return ""


def _pause(db: Connection, reason: str, now: datetime) -> str:
    with transaction(db):
        db.execute(SQL["pause"], (reason,))
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        mails.event(db, None, now, "queue.paused", _SELF, {"reason": reason})
    return reason


def resume(db: Connection, by: Actor, now: datetime) -> tuple[str, int]:
    """A person vouches for what waits: (id, mark) of the epoch that begins."""
    name = secrets.token_hex(16)
    db.execute(SQL["begin_epoch"], (name,))
    mails.event(db, None, now, "queue.resumed", by, {})
    return name, mark(db)


def _doubt(db: Connection, epoch: Epoch, name: str) -> str:
    if db.execute("PRAGMA application_id").fetchone()[0] == COPY:
        return "this store is a backup copy"
    here = mark(db)
    if not name and here == 0:
        return ""  # nothing is in it that could leave twice, whatever stood here before
    try:
        beside = epoch.read()
    except (OSError, ValueError):
        return f"{epoch.path.name} beside this store can't be read, so it may be a copy"
    if beside is None:
        return f"{epoch.path.name} is missing beside this store, so it may be a copy" if name else ""
    if name and beside[0] != name:
        return f"{epoch.path.name} belongs to another store, so this one was put in its place"
    if here < beside[1]:
        return "this store is older than what was done here since, so it was set back to an earlier state"
    return ""


def _last_known(db: Connection) -> str:
    row = db.execute(SQL["last_event"]).fetchone()
    return f"the last it knows of is from {instant(row[0]):%Y-%m-%d %H:%M:%S} UTC" if row else "it knows of nothing"
