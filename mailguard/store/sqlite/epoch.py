"""Which store this is and how far it has come, kept beside the database: an older or copied one is noticed at start.

`mail.db.epoch` is one line: a random id, which the database has too, and a mark that grows with all that happens to a
mail. It is written after each commit, before anybody hears of it, so it also tells a log that was cut off, at whatever
place. After a power cut it may be behind, which says nothing.
"""

import contextlib
import errno
import os
import re
import secrets
from datetime import datetime
from pathlib import Path

from mailguard.errors import StoreBroken
from mailguard.records import Actor
from mailguard.store.sqlite.connection import APPLICATION, COPY, Connection, transaction
from mailguard.store.sqlite.files import sync_folder
from mailguard.store.verbs import mails, pause
from mailguard.store.verbs.codec import instant

_FAILED = (errno.EIO, errno.EROFS)
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
        """In place and without fsync: it costs nothing beside a commit. A failure costs watchfulness, never a mail.

        But StoreBroken when the file system has failed: ext4 may say that a sync is done which an error broke off, and
        that error is met here, before anybody hears of the commit.
        """
        if self._file is not None:
            try:
                os.pwrite(self._file, _line(self._id, mark), 0)
            except OSError as error:
                if error.errno in _FAILED:
                    raise StoreBroken(f"the store stopped working: {self.path}: {error.strerror}") from error

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
    return int(db.run("mark").fetchone()[0])


def watch(db: Connection, epoch: Epoch, now: datetime) -> str:
    """At start: why nothing may leave ('': it may), kept until `resume`. A first start begins an epoch."""
    name, paused = db.run("epoch").fetchone()
    if paused:
        return str(paused)
    if found := doubt(db, epoch, name):
        return doubted(db, f"{found} ({_last_known(db)})", now)
    if name:
        epoch.follow(name)
    else:
        name = secrets.token_hex(16)
        epoch.begin(name, mark(db))  # first: a crash before the commit leaves a file that is no doubt
        with transaction(db):
            db.run("begin_epoch", (name,))
        # Not left to the log alone: were that cut off or lost, this would look like an empty store's first start.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return ""


def doubted(db: Connection, reason: str, now: datetime) -> str:
    """Nothing leaves, and nobody is told anything, before a person vouches for this store."""
    with transaction(db):
        db.run("pause", (reason,))
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        mails.event(db, None, now, "queue.paused", _SELF, {"reason": reason})
    return reason


def resume(db: Connection, by: Actor, now: datetime, *, afresh: bool) -> tuple[str, int] | None:
    """A person lets what waits leave. `afresh`: and vouches for the store: (id, mark) of the epoch that begins."""
    pause.end(db, by, now)
    if not afresh:
        return None
    name = secrets.token_hex(16)
    db.run("begin_epoch", (name,))
    return name, mark(db)


def doubt(db: Connection, epoch: Epoch, name: str) -> str:
    """Why this store may be a copy, or an earlier state; '' when nothing says so."""
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
        return "this store is older than what was done here: set back to an earlier state, or its log was cut off"
    return ""


def _last_known(db: Connection) -> str:
    row = db.run("last_event").fetchone()
    return f"the last it knows of is from {instant(row[0]):%Y-%m-%d %H:%M:%S} UTC" if row else "it knows of nothing"
