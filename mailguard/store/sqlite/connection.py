"""Opening a database file: settings that durability hangs on are read back, and doubt is a refusal."""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mailguard.errors import ConfigError
from mailguard.store.database import Asked, Term
from mailguard.store.sealing import PLAIN
from mailguard.store.sqlite import failures, wal
from mailguard.store.statements import load, migrations
from mailguard.store.verbs.codec import instant

SQL = load("sqlite")

APPLICATION = 0x6D677264  # 'mgrd': marks the file as ours
COPY = 0x6D677263  # 'mgrc': a backup copy that was never started
MOVED = 0x6D67726D  # 'mgrm': what is in it is kept elsewhere by now
_BUSY_SECONDS = 5.0
# FULL, not NORMAL: acknowledged mail must survive a power cut. secure_delete: what is purged is overwritten.
# temp_store: nothing of a mail spills into a temporary file. wal_autocheckpoint: the writer does it, and hears of
# failures. cache_size (KiB): a large mail passes through once and need not stay.
_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "secure_delete": 1,
    "temp_store": 2,
    "wal_autocheckpoint": 0,
    "cache_size": -1024,
    "journal_size_limit": 64 << 20,
}
# Larger pages make a large mail cheaper (fewer to write twice) and small mail no dearer: measured by make bench.
_NEW_FILE = ("PRAGMA page_size = 8192",)


class Connection(sqlite3.Connection):
    """As `store.database.Database`."""

    sql = SQL
    keys = PLAIN
    alone = True  # in a transaction that began as one that writes

    def run(self, name: str, asked: Asked = (), gaps: Mapping[str, str] | None = None) -> sqlite3.Cursor:
        text = SQL[name]
        if gaps:
            for gap, part in gaps.items():
                text = text.replace(gap, part)
        return self.execute(text, asked)

    def run_many(self, name: str, rows: Iterable[Asked]) -> None:
        if some := list(rows):
            self.executemany(SQL[name], some)

    def each(self, name: str, asked: Asked = ()) -> Iterator[sqlite3.Row]:
        return self.execute(SQL[name], asked)

    def make_findable(self, number: int, *, anew: bool = False) -> None:
        if anew:
            self.execute(SQL["make_unfindable"], (number,))
        self.execute(SQL["make_findable"], (number,))

    def having(self, terms: Sequence[Term]) -> tuple[dict[str, str], dict[str, Any]]:
        """As FTS5 takes it: words in quotes, so nothing is an operator."""
        if not terms:
            return {"{words}": "", "{order}": "m.id", "{number}": "m.id"}, {}
        words = (f'{{{" ".join(t.columns)}}} : "{t.word}"{" *" if t.prefix else ""}' for t in terms)
        gaps = {
            "{from}": "word JOIN mail m ON m.id = word.rowid",
            "{words}": "word MATCH :words AND word.rowid BETWEEN :first AND :last AND",
            "{order}": "word.rowid",
            "{number}": "+word.rowid",
        }
        return gaps, {"words": " AND ".join(words)}

    def number_events(self) -> None:
        """They have their numbers: only one connection writes."""

    def lease_time(self, now: datetime) -> datetime:
        return now


class NoRoomError(ConfigError):
    """The disk is too full even to open the database."""


def lock(path: Path) -> int:
    """Take the lock file beside the database; ConfigError names the process that has it. Returns its descriptor."""
    beside = path.with_name(path.name + ".lock")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise ConfigError(
            f"{path} is in use by process {holder}: stop that one first, or give this one its own `store:`"
        ) from None
    os.ftruncate(descriptor, 0)
    with contextlib.suppress(OSError):  # a full disk: the number is a courtesy, the lock is what counts
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def prepare(path: Path) -> None:
    """Check folder and file, and make the file readable by its owner only."""
    folder = path.parent
    if not folder.is_dir():
        raise ConfigError(f"the folder {folder} of `store:` does not exist: create it, or change `store:`")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: `store:` names a file in a folder, like sqlite:///{path}/mail.db")
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise _read_only(path)
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise ConfigError(f"the folder {folder} of `store:` is not writable for this user: change its owner or mode")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        _refuse_foreign_log(path)
    except OSError as error:
        if error.errno == errno.EROFS:
            raise _read_only(path) from None
        raise ConfigError(f"{path} can't be opened for writing ({error.strerror}): change its owner or mode") from None


def _read_only(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} can't be written: its file system is read-only, as Linux makes it after an error of the disk. "
        "The kernel's log says why; mount it for writing, then start"
    )


def _refuse_foreign_log(path: Path) -> None:
    """A backup put beside the log of the file that stood there: SQLite would mix the two, and damage the copy."""
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return
    with path.open("rb") as file:
        header = file.read(20)
    if header[18:19] == b"\x01":  # the file format says it never had a write-ahead log (sqlite.org/fileformat.html)
        raise ConfigError(
            f"{log} belongs to another file than {path}, which is a backup copy: take it away, then start"
        )


def _refuse_damaged_log(path: Path) -> None:
    """With the lock only: a log that somebody writes to has an end that is not whole."""
    if what := wal.damage(path):
        raise ConfigError(
            f"the log {path}-wal is damaged ({what}): mail would be lost. It was left as it is: keep a copy of both "
            "files, then restore a backup, or move the log away to go on without what is in it"
        )


def connect_writer(path: Path, *, moved: bool = False) -> Connection:
    """The one connection that writes and checkpoints; the schema is made or brought up to date.

    `moved`: also to a file whose mail is kept elsewhere by now.
    """
    _refuse_damaged_log(path)
    db = _connect(path)
    try:
        _check_ours(db, path)
        if not moved:
            _refuse_moved(db, path)
        for statement in _NEW_FILE:
            db.execute(statement)
        _set_pragmas(db, path)
        _migrate(db, path)
        db.execute("BEGIN IMMEDIATE")  # whoever else is writing here is found now, not by the first mail
        db.execute("ROLLBACK")
    except failures.ERRORS as error:
        failures.look_closer(error, path)
        release(db, error)
        raise refusal(path, error) from error
    except ConfigError:
        db.close()
        raise
    return db


def abandon(db: Connection) -> None:
    """Leave a connection to the end of the process, for the kernel to close.

    Closing it would bring the log into the database and fsync both: on a disk that has just failed, that is to try
    again, and to write over what may be the better copy. SQLite's switch against it is out of Python 3.11's reach.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(db))


def release(db: Connection, error: BaseException) -> None:
    """Close a connection after this error; or abandon it, for closing writes the log into a damaged file."""
    if failures.breaks(error):
        abandon(db)
    else:
        db.close()


def connect_reader(path: Path) -> Connection:
    """A connection that can only look. It never checkpoints: only the writer does."""
    db = _connect(path)
    db.execute("PRAGMA query_only = 1")
    db.execute("PRAGMA temp_store = 2")
    db.execute("PRAGMA cache_size = -512")  # KiB: bodies pass through once, a large mail must not stay in every cache
    return db


@contextlib.contextmanager
def transaction(db: Connection) -> Iterator[None]:
    """All of it or nothing, before the writer has the connection. What fails closes it, which takes all back."""
    db.execute("BEGIN IMMEDIATE")
    yield
    db.execute("COMMIT")


def connect_onlooker(path: Path) -> Connection:
    """For another process than the service's, which may run or not: nothing is written, not even at the end."""
    if not path.is_file():
        raise ConfigError(f"there is no store at {path}: `store:` of the configuration names another place?")
    db = _connect(f"{path.absolute().as_uri()}?mode=ro")
    try:
        _check_ours(db, path)
    except failures.ERRORS as error:
        db.close()
        raise refusal(path, error) from error
    except ConfigError:
        db.close()
        raise
    return db


def _connect(path: Path | str) -> Connection:
    db = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256,
        uri=isinstance(path, str), factory=Connection,
    )  # fmt: skip
    db.row_factory = sqlite3.Row
    return db


def _pragma(db: sqlite3.Connection, name: str) -> object:
    return db.execute(f"PRAGMA {name}").fetchone()[0]


def _set_pragmas(db: Connection, path: Path) -> None:
    for name, value in _PRAGMAS.items():
        db.execute(f"PRAGMA {name} = {value}").fetchall()
        if (now := _pragma(db, name)) != value:
            raise ConfigError(
                f"{path}: SQLite refused {name}={value} (it says {now}): mail would not be safe here. "
                "Put the store on a local disk with ordinary file locking"
            )


def _check_ours(db: Connection, path: Path) -> None:
    tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and _pragma(db, "application_id") not in (APPLICATION, COPY, MOVED):
        raise ConfigError(f"{path} is a database of another program: `store:` must name a file of mailguard's own")
    if tables and schema(db) <= migrations("sqlite")[-1][0] and _definitions(db) != _definitions(_made(schema(db))):
        # SQLite reads a definition like any text: a flipped bit in one is a table or column of another name
        damaged = sqlite3.DatabaseError("its tables are not defined as mailguard defines them")
        damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damaged


def _refuse_moved(db: Connection, path: Path) -> None:
    if _pragma(db, "application_id") == MOVED:
        data, at = db.run("moved").fetchone()
        to = json.loads(data)["to"]
        raise ConfigError(
            f"{path} was moved to {to} at {instant(at):%Y-%m-%d %H:%M:%S} UTC, and mail leaves from there: "
            "name that one as `store:`. `mailguard db copy --undo` takes it back"
        )


def _made(number: int) -> sqlite3.Connection:
    """An empty store of this schema, in memory."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    for one, script in migrations("sqlite"):
        if one <= number:
            made.executescript(script)
    return made


def _definitions(db: sqlite3.Connection) -> set[tuple[str, ...]]:
    """What SQLite itself keeps (statistics, automatic indexes) left out."""
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    return {tuple(row) for row in rows}


def migrate(path: Path) -> tuple[int, int]:
    """Bring the file up to date while no service uses it: (schema before, schema now). Raises ConfigError."""
    prepare(path)
    descriptor = lock(path)
    try:
        _refuse_damaged_log(path)
        before = connect_reader(path)
        try:
            there = schema(before)
        except failures.ERRORS as error:
            release(before, error)
            raise refusal(path, error) from error
        before.close()
        db = connect_writer(path)
        now = schema(db)
        db.close()
    finally:
        os.close(descriptor)
    return there, now


def schema(db: Connection) -> int:
    """The number of the last migration this file has seen."""
    return int(str(_pragma(db, "user_version")))


def _migrate(db: Connection, path: Path) -> None:
    """Run the migrations this file has not seen, each with its number in one transaction."""
    known, there = migrations("sqlite"), schema(db)
    if there > known[-1][0]:
        raise ConfigError(
            f"{path} was written by a newer mailguard (schema {there}, this one knows {known[-1][0]}): "
            "install that version again, or start with a copy made before the upgrade"
        )
    for number, script in known:
        if number > there:
            with transaction(db):
                for statement in _statements(script):
                    # failpoint: store.migrating
                    db.execute(statement)
                if not _pragma(db, "application_id"):  # a copy stays one
                    db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> list[str]:
    found, piece = [], ""
    for line in script.splitlines(keepends=True):
        piece += line
        if sqlite3.complete_statement(piece):
            found.append(piece)
            piece = ""
    return found


def refusal(path: Path, error: Exception) -> ConfigError:
    """Why this file can't be used, and what to do."""
    code = failures.code(error)
    if code == sqlite3.SQLITE_BUSY:
        return ConfigError(f"{path} is in use by another program (a shell of SQLite, a backup?): stop that one first")
    if code == sqlite3.SQLITE_FULL:
        return NoRoomError(f"there is no room left on the disk of {path}: make some, nothing was changed")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return ConfigError(
            f"{path} is damaged or not a database ({error}). It was left as it is: keep a copy of it, "
            "then restore a backup, or move it away to start with an empty store"
        )
    return ConfigError(f"{path} can't be opened: {error}")
